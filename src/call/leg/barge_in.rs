//! What the caller's speech does to interruptible speech of ours, step by step ([`HushPolicy`]).

use std::time::Instant;

use gate::SpeechEdge;

use super::{HushPolicy, Leg};
use crate::media::LegOutput;

impl Leg {
    pub(super) fn speech(&mut self, now: Instant, edge: SpeechEdge) {
        match (edge, self.hush) {
            // Music on hold interrupts nobody, and nothing the prompts of a capture.
            (SpeechEdge::Started, _) if self.held || self.capturing => {}
            (SpeechEdge::Started, HushPolicy::OnSpeech { guard, .. }) if guard.is_zero() => self.hold(now),
            (SpeechEdge::Started, HushPolicy::OnSpeech { guard, .. }) => {
                self.playout.duck();
                self.hush_due = Some(now + guard);
            }
            (SpeechEdge::Started, HushPolicy::Never) => {}
            (SpeechEdge::Stopped, _) => self.resume(),
        }
        self.outputs.push_back(LegOutput::Speech(edge));
    }

    /// The caller seems to speak: what is interruptible falls silent, and is cut if they go on.
    pub(super) fn hold(&mut self, now: Instant) {
        let HushPolicy::OnSpeech { confirm, .. } = self.hush else { return };
        if confirm.is_zero() {
            self.hush();
        } else if self.playout.hold() {
            self.cut_due = Some(now + confirm);
        }
    }

    /// The caller is quiet: what was softer or held, and not yet cut, goes on.
    pub(super) fn resume(&mut self) {
        self.hush_due = None;
        self.playout.resume();
        if self.cut_due.take().is_some() {
            self.outputs.push_back(LegOutput::FalseInterruption);
        }
    }

    pub(super) fn hush(&mut self) {
        if let Some(generation) = self.playout.hush() {
            self.outputs.push_back(LegOutput::Hushed { generation });
        }
    }
}
