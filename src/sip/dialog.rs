//! Dialogs of a UAS (RFC 3261 §12): who the parties are and which way requests to the caller go.

use std::net::SocketAddr;

use crate::header::{DEFAULT_PORT, HeaderName, Headers, NameAddr};
use crate::message::{Method, OutgoingRequest, Request};
use crate::uri::{SipUri, Uri};
use crate::{DialogRecord, FlowId, RestoreError, Transport, Trunk};

/// Longest route set this side follows.
const MAX_ROUTES: usize = 32;
/// By how much the next CSeq number of a restored dialog is higher than journalled: what the process that died may have sent
/// meanwhile has used some (RFC 3261 §12.2.2 permits gaps).
const SENT_MEANWHILE: u32 = 1_000;

/// What names a dialog (RFC 3261 §12).
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct DialogKey {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) remote_tag: String,
}

impl DialogKey {
    /// The dialog that a request of the caller's is in; `None` where it has no To tag.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        Some(Self {
            call_id: request.call_id.clone(),
            local_tag: request.to_tag()?.to_owned(),
            remote_tag: request.from_tag().to_owned(),
        })
    }
}

/// One dialog.
pub(crate) struct Dialog {
    pub(crate) key: DialogKey,
    local_party: String,
    remote_party: String,
    remote_target: SipUri,
    route_set: Vec<NameAddr>,
    next_sequence: u32,
    /// The highest CSeq number the caller has used.
    pub(crate) remote_sequence: u32,
    /// The transport of the INVITE.
    pub(crate) transport: Transport,
    /// The flow the caller last used.
    pub(crate) flow: Option<FlowId>,
    /// The address the caller last used.
    pub(crate) peer: SocketAddr,
    behind_nat: bool,
    /// The trunk's name.
    pub(crate) trunk: String,
}

/// Where an INVITE came from.
pub(crate) struct Origin<'a> {
    pub(crate) transport: Transport,
    pub(crate) flow: FlowId,
    pub(crate) peer: SocketAddr,
    pub(crate) trunk: &'a str,
}

impl Dialog {
    /// The dialog an INVITE opens; the error names the header that is missing or cannot be read.
    pub(crate) fn open(invite: &Request, local_tag: String, origin: &Origin<'_>) -> Result<Self, &'static str> {
        let route_set = invite.headers.all(HeaderName::RecordRoute).map(str::parse).collect::<Result<Vec<_>, _>>();
        let route_set = route_set.ok().filter(|routes| are_sip_routes(routes)).ok_or("Bad Record-Route Header")?;
        let key = DialogKey { call_id: invite.call_id.clone(), local_tag, remote_tag: invite.from_tag().to_owned() };
        Ok(Self {
            key,
            local_party: party(&invite.to),
            remote_party: party(&invite.from),
            remote_target: contact(invite)?,
            route_set,
            next_sequence: 1,
            remote_sequence: invite.sequence,
            transport: origin.transport,
            flow: Some(origin.flow),
            peer: origin.peer,
            behind_nat: invite.via.host.address().is_some_and(|address| address != origin.peer.ip().to_canonical()),
            trunk: origin.trunk.to_owned(),
        })
    }

    /// The dialog of a journal entry.
    pub(crate) fn restore(record: &DialogRecord) -> Result<Self, RestoreError> {
        let Ok(Uri::Sip(remote_target)) = record.remote_target.parse() else {
            return Err(RestoreError::RemoteTarget);
        };
        let route_set: Vec<NameAddr> = record
            .route_set
            .iter()
            .map(|route| route.parse())
            .collect::<Result<_, _>>()
            .map_err(|_| RestoreError::RouteSet)?;
        if !are_sip_routes(&route_set) {
            return Err(RestoreError::RouteSet);
        }
        Ok(Self {
            key: DialogKey {
                call_id: record.call_id.clone(),
                local_tag: record.local_tag.clone(),
                remote_tag: record.remote_tag.clone(),
            },
            local_party: record.local_party.clone(),
            remote_party: record.remote_party.clone(),
            remote_target,
            route_set,
            next_sequence: record.next_sequence.saturating_add(SENT_MEANWHILE),
            remote_sequence: 0,
            transport: record.transport,
            flow: None,
            peer: record.peer,
            behind_nat: record.behind_nat,
            trunk: record.trunk.clone(),
        })
    }

    /// The journal entry of the dialog.
    pub(crate) fn record(&self) -> DialogRecord {
        DialogRecord {
            call_id: self.key.call_id.clone(),
            local_tag: self.key.local_tag.clone(),
            remote_tag: self.key.remote_tag.clone(),
            local_party: self.local_party.clone(),
            remote_party: self.remote_party.clone(),
            remote_target: Uri::Sip(self.remote_target.clone()).to_string(),
            route_set: self.route_set.iter().map(ToString::to_string).collect(),
            next_sequence: self.next_sequence,
            transport: self.transport,
            peer: self.peer,
            behind_nat: self.behind_nat,
            trunk: self.trunk.clone(),
        }
    }

    /// Takes the Contact of a target refresh (RFC 3261 §12.2.2).
    pub(crate) fn refresh_target(&mut self, request: &Request) -> Result<(), &'static str> {
        self.remote_target = contact(request)?;
        Ok(())
    }

    /// The CSeq number of the next request of this side.
    pub(crate) fn next_sequence(&self) -> u32 {
        self.next_sequence
    }

    /// The name-addr that this side is called by.
    pub(crate) fn local_party(&self) -> &str {
        &self.local_party
    }

    /// A request of this side in the dialog (RFC 3261 §12.2.1.1), by a loose or a strict route.
    pub(crate) fn request(&mut self, method: Method, via: &str) -> OutgoingRequest {
        let target = Uri::Sip(self.remote_target.clone()).to_string();
        let mut routes: Vec<String> = self.route_set.iter().map(ToString::to_string).collect();
        let uri = match self.first_route() {
            Some(first) if !first.is_loose_router() => {
                let uri = Uri::Sip(SipUri { headers: None, ..first.clone() }).to_string();
                routes.remove(0);
                routes.push(format!("<{target}>"));
                uri
            }
            Some(_) | None => target,
        };
        let mut headers = Headers::default();
        headers.push(HeaderName::Via, via);
        for route in routes {
            headers.push(HeaderName::Route, route);
        }
        headers.push(HeaderName::MaxForwards, "70");
        headers.push(HeaderName::From, tagged(&self.local_party, &self.key.local_tag));
        headers.push(HeaderName::To, tagged(&self.remote_party, &self.key.remote_tag));
        headers.push(HeaderName::CallId, &*self.key.call_id);
        headers.push(HeaderName::CSeq, format!("{} {}", self.next_sequence, method.as_str()));
        self.next_sequence = self.next_sequence.saturating_add(1);
        OutgoingRequest { method, uri, headers }
    }

    /// Where requests go: the first route or the remote target, where its host is an address of the trunk; otherwise,
    /// and where the caller is behind NAT, the address the caller used. Names are not resolved, so a message of a peer
    /// can never make this side send to somebody else.
    pub(crate) fn destination(&self, trunk: Option<&Trunk>) -> SocketAddr {
        let hop = self.first_route().unwrap_or(&self.remote_target);
        let port = hop.port.unwrap_or(DEFAULT_PORT);
        let is_routed = !self.route_set.is_empty();
        match hop.host.address() {
            Some(address) if (is_routed || !self.behind_nat) && trunk.is_some_and(|trunk| trunk.has_peer(address)) => {
                SocketAddr::new(address, port)
            }
            Some(_) | None => match self.transport {
                Transport::Udp => self.peer,
                Transport::Tcp => SocketAddr::new(self.peer.ip(), port),
            },
        }
    }

    /// The first entry of the route set.
    fn first_route(&self) -> Option<&SipUri> {
        match self.route_set.first().map(|route| &route.uri) {
            Some(Uri::Sip(uri)) => Some(uri),
            Some(Uri::Tel(_) | Uri::Other(_)) | None => None,
        }
    }
}

/// Whether every route can be followed.
fn are_sip_routes(routes: &[NameAddr]) -> bool {
    routes.len() <= MAX_ROUTES && routes.iter().all(|route| matches!(route.uri, Uri::Sip(_)))
}

/// The one SIP URI of Contact.
fn contact(request: &Request) -> Result<SipUri, &'static str> {
    let mut values = request.headers.all(HeaderName::Contact);
    let value = values.next().ok_or("Missing Contact Header")?;
    if values.next().is_some() {
        return Err("Repeated Contact Header");
    }
    match value.parse::<NameAddr>().map(|address| address.uri) {
        Ok(Uri::Sip(uri)) => Ok(uri),
        Ok(Uri::Tel(_) | Uri::Other(_)) | Err(_) => Err("Bad Contact Header"),
    }
}

/// A From or To without its tag.
fn party(address: &NameAddr) -> String {
    let mut party = address.clone();
    party.parameters.remove("tag");
    party.to_string()
}

/// A party with its tag; an RFC 2543 peer may have none.
fn tagged(party: &str, tag: &str) -> String {
    if tag.is_empty() { party.to_owned() } else { format!("{party};tag={tag}") }
}
