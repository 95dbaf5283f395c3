//! The register of calls, as the authenticated interface sees it.

use std::{sync::Arc, time::Duration};

use backends::carrier::CarrierTold;
use call::{
    AgentKind, CallId,
    api::{ApiReply, ApiRequest},
    carrier::CarrierEvent,
};
use edge::{AskError, Registry};
use secrecy::SecretString;
use uuid::Uuid;

use crate::{
    api::{Answering, AuthTokens, CallDirectory, CallPort, CallSummary, CarrierDesk, PortError, Telling},
    services::Backends,
};

/// [`CallDirectory`] over the register.
pub(crate) struct Directory(pub(crate) Arc<Registry>);

impl CallDirectory for Directory {
    fn list(&self) -> Vec<CallSummary> {
        let summaries = self.0.list().into_iter();
        summaries
            .map(|summary| CallSummary {
                id: summary.id.uuid(),
                trunk: summary.trunk,
                agent: match summary.agent {
                    AgentKind::Collector => "collector".to_owned(),
                    AgentKind::Stream => "twilio-stream".to_owned(),
                    AgentKind::Echo => "echo".to_owned(),
                },
                state: if summary.ended.is_some() { "ended" } else { "up" },
                started: summary.started,
            })
            .collect()
    }

    fn find(&self, id: Uuid) -> Option<Arc<dyn CallPort>> {
        let id = CallId::new(id);
        let port = Port { registry: Arc::clone(&self.0), id };
        self.0.knows(id).then(|| Arc::new(port) as Arc<dyn CallPort>)
    }
}

/// [`AuthTokens`] by the trunk of each call.
pub(crate) struct Accounts {
    pub(crate) registry: Arc<Registry>,
    pub(crate) backends: Arc<Backends>,
}

impl AuthTokens for Accounts {
    fn auth_token(&self, call: Uuid) -> Option<SecretString> {
        let call = CallId::new(call);
        let trunk = self.registry.list().into_iter().find(|summary| summary.id == call)?.trunk;
        self.backends.agents.servers.load().get(&trunk)?.auth_token.clone()
    }
}

/// [`CarrierDesk`] over the register, and over the payments that calls have left.
pub(crate) struct Reception {
    pub(crate) registry: Arc<Registry>,
    pub(crate) backends: Arc<Backends>,
}

impl CarrierDesk for Reception {
    fn tell(&self, told: CarrierTold) -> Telling {
        let CarrierTold { call, capture, event } = told;
        if self.registry.tell_carrier(CallId::new(call), capture, event.clone()) {
            return Box::pin(std::future::ready(true));
        }
        let backends = Arc::clone(&self.backends);
        Box::pin(async move {
            match event {
                CarrierEvent::Ended(end) => backends.carrier_ended(call, capture, &end).await,
                CarrierEvent::Keying { .. } | CarrierEvent::Keyed(_) => false,
            }
        })
    }
}

struct Port {
    registry: Arc<Registry>,
    id: CallId,
}

impl CallPort for Port {
    fn request(&self, request: ApiRequest, deadline: Duration) -> Answering<'_> {
        Box::pin(async move {
            let answer: Result<ApiReply, AskError> = self.registry.ask(self.id, request, deadline).await;
            answer.map_err(|error| match error {
                AskError::Ended => PortError::Ended,
                AskError::Full => PortError::Full,
                AskError::Late => PortError::Late,
            })
        })
    }
}
