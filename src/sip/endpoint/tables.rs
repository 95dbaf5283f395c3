//! The endpoint's transactions and calls, each findable by every name it goes by.

use std::collections::HashMap;

use super::call::Call;
use super::schedule::TransactionId;
use super::{CallHandle, Path};
use crate::dialog::DialogKey;
use crate::message::{Method, Request};
use crate::transaction::{Client, InviteServer, Server, TransactionKey};

/// Server transactions.
#[derive(Default)]
pub(super) struct Servers {
    entries: HashMap<TransactionId, ServerEntry>,
    by_key: HashMap<TransactionKey, TransactionId>,
    created: u64,
}

/// One server transaction and the way its responses go.
pub(super) struct ServerEntry {
    pub(super) machine: ServerMachine,
    pub(super) path: Path,
    key: TransactionKey,
}

/// A server transaction of either kind.
pub(super) enum ServerMachine {
    /// An INVITE, with its call.
    Invite(InviteServer, CallHandle),
    /// Any other request.
    Other(Server),
}

impl Servers {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn find(&self, key: &TransactionKey) -> Option<TransactionId> {
        self.by_key.get(key).copied()
    }

    pub(super) fn entry(&mut self, id: TransactionId) -> Option<&mut ServerEntry> {
        self.entries.get_mut(&id)
    }

    pub(super) fn insert(&mut self, key: TransactionKey, machine: ServerMachine, path: Path) -> TransactionId {
        self.created += 1;
        let id = TransactionId(self.created);
        self.by_key.insert(key.clone(), id);
        self.entries.insert(id, ServerEntry { machine, path, key });
        id
    }

    pub(super) fn remove(&mut self, id: TransactionId) {
        if let Some(entry) = self.entries.remove(&id) {
            self.by_key.remove(&entry.key);
        }
    }
}

/// Client transactions, found by their branch.
#[derive(Default)]
pub(super) struct Clients {
    entries: HashMap<TransactionId, ClientEntry>,
    by_branch: HashMap<String, TransactionId>,
    created: u64,
}

/// One request of this side, the way it goes and the call it is about.
pub(super) struct ClientEntry {
    pub(super) machine: Client,
    pub(super) purpose: Purpose,
    pub(super) path: Path,
    pub(super) call: CallHandle,
    branch: String,
}

/// What a request of this side is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It ends the call.
    Bye,
    /// It refers the caller elsewhere.
    Refer,
}

impl Purpose {
    pub(super) fn method(self) -> Method {
        match self {
            Self::Bye => Method::Bye,
            Self::Refer => Method::Refer,
        }
    }
}

impl Clients {
    /// The transaction that a response with this branch and this method in CSeq is of (RFC 3261 §17.1.3).
    pub(super) fn find(&self, branch: &str, method: &Method) -> Option<TransactionId> {
        let id = self.by_branch.get(branch).copied()?;
        let is_theirs = self.entries.get(&id).is_some_and(|entry| entry.purpose.method() == *method);
        is_theirs.then_some(id)
    }

    pub(super) fn entry(&mut self, id: TransactionId) -> Option<&mut ClientEntry> {
        self.entries.get_mut(&id)
    }

    pub(super) fn insert(
        &mut self,
        branch: String,
        machine: Client,
        purpose: Purpose,
        path: Path,
        call: CallHandle,
    ) -> TransactionId {
        self.created += 1;
        let id = TransactionId(self.created);
        self.by_branch.insert(branch.clone(), id);
        self.entries.insert(id, ClientEntry { machine, purpose, path, call, branch });
        id
    }

    pub(super) fn remove(&mut self, id: TransactionId) {
        if let Some(entry) = self.entries.remove(&id) {
            self.by_branch.remove(&entry.branch);
        }
    }
}

/// Calls, found by their handle, their dialog or the INVITE that began them.
#[derive(Default)]
pub(super) struct Calls {
    entries: HashMap<CallHandle, Call>,
    by_dialog: HashMap<DialogKey, CallHandle>,
    by_invite: HashMap<InviteKey, CallHandle>,
    active: HashMap<String, usize>,
    created: u64,
}

/// What a merged request shares with the one that came first (RFC 3261 §8.2.2.2).
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct InviteKey {
    call_id: String,
    from_tag: String,
    sequence: u32,
}

impl InviteKey {
    pub(super) fn of(request: &Request) -> Self {
        let (call_id, from_tag) = (request.call_id.clone(), request.from_tag().to_owned());
        Self { call_id, from_tag, sequence: request.sequence }
    }
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Calls of all trunks that have not ended.
    pub(super) fn active(&self) -> usize {
        self.active.values().sum()
    }

    /// Calls of one trunk that have not ended.
    pub(super) fn active_on(&self, trunk: &str) -> usize {
        self.active.get(trunk).copied().unwrap_or(0)
    }

    pub(super) fn next_handle(&mut self) -> CallHandle {
        self.created += 1;
        CallHandle(self.created)
    }

    pub(super) fn is_known_invite(&self, key: &InviteKey) -> bool {
        self.by_invite.contains_key(key)
    }

    pub(super) fn find(&self, key: &DialogKey) -> Option<CallHandle> {
        self.by_dialog.get(key).copied()
    }

    pub(super) fn entry(&mut self, handle: CallHandle) -> Option<&mut Call> {
        self.entries.get_mut(&handle)
    }

    pub(super) fn peek(&self, handle: CallHandle) -> Option<&Call> {
        self.entries.get(&handle)
    }

    pub(super) fn insert(&mut self, handle: CallHandle, call: Call) {
        if !call.has_ended {
            *self.active.entry(call.dialog.trunk.clone()).or_default() += 1;
        }
        if let Some(key) = &call.invite_key {
            self.by_invite.insert(key.clone(), handle);
        }
        self.by_dialog.insert(call.dialog.key.clone(), handle);
        self.entries.insert(handle, call);
    }

    /// Marks a call as ended; whether it was not before.
    pub(super) fn end(&mut self, handle: CallHandle) -> bool {
        let Some(call) = self.entries.get_mut(&handle).filter(|call| !call.has_ended) else { return false };
        call.has_ended = true;
        if let Some(count) = self.active.get_mut(&call.dialog.trunk) {
            *count = count.saturating_sub(1);
        }
        true
    }

    pub(super) fn remove(&mut self, handle: CallHandle) {
        let Some(call) = self.entries.remove(&handle) else { return };
        self.by_dialog.remove(&call.dialog.key);
        if let Some(key) = &call.invite_key {
            self.by_invite.remove(key);
        }
    }
}
