//! What each part of a leg puts out, handed on to the next: from the wire through the gate to the taps, and from playout to
//! control.

use std::time::{Duration, Instant};

use audio::{FRAME_SAMPLES, PlayoutOutput, SegmentId};
use gate::{CaptureEvent, CleanFrame, GateOutput};
use rtp::{Received, SessionOutput};

use super::{ARRIVALS, Leg, delivery::Finished};
use crate::media::{LegOutput, TapItem};

impl Leg {
    /// Hands everything on until nothing moves any more.
    pub(super) fn settle(&mut self, now: Instant) {
        loop {
            let moved = self.settle_session(now) | self.settle_gate(now) | self.settle_playout(now);
            if !moved {
                return;
            }
        }
    }

    fn settle_session(&mut self, now: Instant) -> bool {
        let mut moved = false;
        // One at a time: the gate is drained after each.
        if let Some(received) = self.session.poll_received(now) {
            moved = true;
            match received {
                Received::Frame(frame) => {
                    if self.arrivals.len() == ARRIVALS {
                        self.arrivals.pop_front();
                    }
                    self.arrivals.push_back((frame.index(), now));
                    if let Some(clean) = self.gate.handle_frame(now, frame) {
                        self.tap_caller(now, &clean);
                    }
                }
                Received::Event(event) => {
                    if frame::sabotaged("event_to_bot") {
                        let name = event.payload()[0].to_string();
                        self.outputs.push_back(LegOutput::Mark { name, cleared: true });
                    }
                    self.gate.handle_event(now, event);
                }
            }
        }
        while let Some(output) = self.session.poll_output() {
            match output {
                SessionOutput::SourceLocked(source) => {
                    let as_described = self.described == Some(source);
                    self.outputs.push_back(LegOutput::SourceLocked { as_described });
                }
                SessionOutput::StreamChanged { .. } => {}
                SessionOutput::MediaTimeout => self.outputs.push_back(LegOutput::MediaTimeout),
                SessionOutput::Secured { suite, took } => self.outputs.push_back(LegOutput::Secured { suite, took }),
                SessionOutput::HandshakeFailed(failure) => {
                    self.outputs.push_back(LegOutput::HandshakeFailed(failure));
                }
            }
        }
        moved
    }

    fn tap_caller(&mut self, now: Instant, clean: &CleanFrame) {
        let whole = clean.transform(&mut self.conceal);
        let frame = match &mut self.narrow {
            Some(narrow) => whole.transform(narrow),
            None => whole,
        };
        match &mut self.echo {
            Some(echo) if self.held => echo.forget(),
            Some(echo) => echo.hear(now, &frame),
            None => {}
        }
        self.taps.push_back(TapItem::Caller(frame));
    }

    fn settle_gate(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some(output) = self.gate.poll_output() {
            moved = true;
            match output {
                GateOutput::MenuKey(key) => self.outputs.push_back(LegOutput::MenuKey(key)),
                GateOutput::Collected(collected) => self.outputs.push_back(LegOutput::Collected(collected)),
                GateOutput::Speech(edge) => self.speech(now, edge),
                GateOutput::Vault(message) => self.to_vault.push_back(message),
                GateOutput::Prompt(prompt) => {
                    self.drop_capture_prompt();
                    self.outputs.push_back(LegOutput::CapturePrompt(prompt));
                }
                GateOutput::Capture(event) => self.capture_event(now, event),
                GateOutput::Control(failure) => self.outputs.push_back(LegOutput::Control(failure)),
                GateOutput::Suppressed(suppressed) => self.outputs.push_back(LegOutput::Suppressed(suppressed)),
            }
        }
        let capturing = self.gate.is_capturing();
        if capturing != self.capturing {
            self.capturing = capturing;
            self.mute_agent();
        }
        moved
    }

    fn capture_event(&mut self, now: Instant, event: CaptureEvent) {
        match &event {
            CaptureEvent::Progress { step, .. } => self.cut_capture_prompt(now, *step),
            CaptureEvent::Outcome(_) | CaptureEvent::Released => self.drop_capture_prompt(),
            CaptureEvent::Armed | CaptureEvent::ConnectionWanted | CaptureEvent::WipeRecord(_) => {}
        }
        self.outputs.push_back(LegOutput::Capture(event));
    }

    /// The caller's key cuts the prompt of its step short, and with that the prompt has ended.
    fn cut_capture_prompt(&mut self, now: Instant, step: gate::wire::Step) {
        if let Some((id, prompt)) = self.capture_prompt
            && prompt.step == step
        {
            self.capture_prompt = None;
            self.playout.cancel(id);
            self.gate.prompt_ended(now, prompt);
        }
    }

    pub(super) fn drop_capture_prompt(&mut self) {
        if let Some((id, _)) = self.capture_prompt.take() {
            self.playout.cancel(id);
        }
    }

    fn settle_playout(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some(output) = self.playout.poll_output() {
            moved = true;
            match output {
                PlayoutOutput::Started { id } => {
                    self.deliveries.start(id);
                    self.outputs.push_back(LegOutput::PromptStarted { id });
                }
                PlayoutOutput::Finished { id, samples } => self.finished(now, id, samples),
                PlayoutOutput::Interrupted { id, played, total } => {
                    self.deliveries.interrupt(id);
                    self.outputs.push_back(LegOutput::PromptInterrupted { id, played, total });
                }
                PlayoutOutput::AgentCut { played, dropped, .. } => {
                    self.agent_since = None;
                    self.outputs.push_back(LegOutput::AgentCut { played: span(played), dropped: span(dropped) });
                }
                PlayoutOutput::Mark { name, cleared } => self.outputs.push_back(LegOutput::Mark { name, cleared }),
            }
        }
        moved
    }

    fn finished(&mut self, now: Instant, id: SegmentId, samples: u64) {
        self.outputs.push_back(match self.deliveries.finish(id, samples) {
            Finished::Delivered(delivery) => LegOutput::PromptFinished(delivery),
            Finished::Incomplete(played) => LegOutput::PromptInterrupted { id, played, total: samples },
        });
        if let Some((segment, prompt)) = self.capture_prompt
            && segment == id
        {
            self.capture_prompt = None;
            self.gate.prompt_ended(now, prompt);
        }
    }

    /// What was really sent, for the recorders.
    pub(super) fn tap_sent(&mut self, index: u64, samples: &[i16; FRAME_SAMPLES]) {
        if !self.recorders.is_empty() {
            self.taps.push_back(TapItem::Sent { index, samples: *samples });
        }
    }
}

/// How long so many samples sound.
fn span(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000_000 / u64::from(audio::PLAYOUT_HZ))
}
