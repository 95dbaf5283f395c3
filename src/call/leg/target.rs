//! Where a leg's media goes after the session was changed, and whether the caller holds the call.

use std::time::Instant;

use super::Leg;
use crate::media::{LegOutput, Target};

impl Leg {
    /// Takes what the new session description says. The source stays locked where it names the address it named before,
    /// and where it holds the call without naming one; else the lock opens. The gate is not touched: a capture keeps
    /// its mute and its deadlines.
    pub(super) fn retarget(&mut self, now: Instant, target: &Target) {
        let stays = target.remote == self.described || (target.remote.is_none() && !target.hears);
        if !stays {
            self.described = target.remote;
            self.session.retarget(now, target.remote, target.remote_rtcp, self.learn_source);
        }
        self.session.share_port(target.rtcp_mux);
        // Another codec than before comes only with the answer to an offer of ours, which is G.711: nothing to set up.
        let _ = self.session.carry(target.payloads);
        self.session.expect_media(now, self.media_timeout.filter(|_| target.hears && target.sends));
        if self.held == target.hears {
            self.held = !target.hears;
            // What waits for the caller is no measure of the agent.
            self.agent_since = None;
            self.resume();
            self.outputs.push_back(if self.held { LegOutput::Held } else { LegOutput::Resumed });
        }
    }
}
