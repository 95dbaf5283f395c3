//! What is due, and the answers to this side's requests.

use std::time::Instant;

use super::call::{AnswerDue, Stage};
use super::schedule::{Timer, TransactionId};
use super::tables::{Purpose, ServerMachine};
use super::{Arrival, CallHandle, DropReason, EndReason, Endpoint, HangUp};
use crate::Status;
use crate::message::Response;
use crate::transaction::Due;

impl Endpoint {
    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.schedule.take_due(now) {
            match timer {
                Timer::Server(id) => self.server_due(now, id),
                Timer::Client(id) => self.client_due(now, id),
                Timer::Call(handle) => self.call_due(now, handle),
                Timer::Referral(handle) => self.referral_due(now, handle),
            }
        }
    }

    /// Takes the answer to a request of this side.
    pub(super) fn handle_response(&mut self, arrival: &Arrival, response: &Response) {
        let id = response.via.branch().and_then(|branch| self.clients.find(branch, &response.method));
        let Some(id) = id else { return self.drop_message(DropReason::StrayResponse) };
        let Some(entry) = self.clients.entry(id) else { return };
        let is_final = entry.machine.handle_response(arrival.now, response.status);
        let (deadline, call, purpose) = (entry.machine.deadline(), entry.call, entry.purpose);
        self.schedule.set(Timer::Client(id), Some(deadline));
        match purpose {
            Purpose::Bye if is_final => self.close_call(call),
            Purpose::Refer if is_final => self.refer_answered(arrival.now, call, id, response.status),
            Purpose::Bye | Purpose::Refer => {}
        }
    }

    /// A server transaction is due.
    fn server_due(&mut self, now: Instant, id: TransactionId) {
        let Some(entry) = self.servers.entry(id) else { return };
        let path = entry.path;
        let (due, deadline) = match &mut entry.machine {
            ServerMachine::Invite(machine, _) => (machine.handle_timeout(now), machine.deadline()),
            ServerMachine::Other(machine) => (machine.handle_timeout(now), Some(machine.deadline())),
        };
        match due {
            Due::Nothing => {}
            Due::Resend(bytes) => self.resend(path, bytes),
            Due::TimedOut | Due::Terminated => return self.servers.remove(id),
        }
        self.schedule.set(Timer::Server(id), deadline);
    }

    /// A request of this side is due.
    fn client_due(&mut self, now: Instant, id: TransactionId) {
        let Some(entry) = self.clients.entry(id) else { return };
        let (path, call, purpose) = (entry.path, entry.call, entry.purpose);
        let due = entry.machine.handle_timeout(now);
        let deadline = entry.machine.deadline();
        match due {
            Due::Nothing => {}
            Due::Resend(bytes) => self.resend(path, bytes),
            Due::TimedOut => {
                self.clients.remove(id);
                return match purpose {
                    Purpose::Bye => self.close_call(call),
                    Purpose::Refer => self.refer_unanswered(call, id),
                };
            }
            Due::Terminated => return self.clients.remove(id),
        }
        self.schedule.set(Timer::Client(id), Some(deadline));
    }

    /// A call is due: nobody answered it, or its 2xx wants its ACK.
    fn call_due(&mut self, now: Instant, handle: CallHandle) {
        let Some(call) = self.calls.entry(handle) else { return };
        if matches!(call.stage, Stage::Offered(_)) {
            return self.refuse_offered(now, handle, Status::TEMPORARILY_UNAVAILABLE, EndReason::NotAnswered);
        }
        match call.handle_answer_timeout(now) {
            AnswerDue::Nothing => {}
            AnswerDue::Resend(bytes, path) => self.resend(path, bytes),
            AnswerDue::TimedOut => {
                self.end_call(handle, EndReason::AckTimeout);
                return self.send_bye(now, handle, HangUp::Failure);
            }
        }
        self.reschedule(handle);
    }
}
