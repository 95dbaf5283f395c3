//! The metrics of a media thread. Handles are made once; a leg's counts are added up once a second.

use std::time::{Duration, Instant};

use audio::{Discarded, JitterBufferReport};
use call::SinkKind;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use rtp::{Quality, Rejection, Statistics};

/// How late a leg's packet may leave before the tick counts as overrun.
pub(super) const TICK_BUDGET: Duration = Duration::from_millis(2);

/// Counts one drop of a bounded queue, for others than the media threads: the counter is looked up, behind locks.
pub(super) fn dropped(queue: &'static str, reason: &'static str) {
    counter!("tonegate_drops_total", "queue" => queue, "reason" => reason).increment(1);
}

pub(super) struct Meters {
    tick_lag: Histogram,
    overruns: Counter,
    received: Counter,
    sent: Counter,
    lost: Counter,
    conflicts: [Counter; 2],
    absent: [Counter; 4],
    concealed: Counter,
    false_interruptions: Counter,
    buffered: [Counter; 5],
    discarded: [Counter; 4],
    unsent: Counter,
    tap_agent_full: Counter,
    tap_recorder_full: Counter,
    outputs_full: Counter,
    rejected: Vec<Counter>,
    to_agent: Histogram,
    to_caller: Histogram,
    mos: [Histogram; 2],
    reported_mos: Histogram,
    legs: Gauge,
    waiting: Gauge,
}

impl Meters {
    pub(super) fn new(shard: usize) -> Self {
        let shard = shard.to_string();
        let rejected =
            |reason: Rejection| counter!("tonegate_drops_total", "queue" => "rtp", "reason" => reason.name());
        let full = |queue: &'static str| counter!("tonegate_drops_total", "queue" => queue, "reason" => "full");
        Self {
            tick_lag: histogram!("tonegate_tick_lag_seconds", "shard" => shard.clone()),
            overruns: counter!("tonegate_tick_overruns_total", "shard" => shard.clone()),
            received: counter!("tonegate_rtp_packets_total", "direction" => "received"),
            sent: counter!("tonegate_rtp_packets_total", "direction" => "sent"),
            lost: counter!("tonegate_rtp_packets_lost_total"),
            conflicts: ["changed", "looped"]
                .map(|result| counter!("tonegate_rtp_ssrc_conflicts_total", "result" => result)),
            absent: ["lost", "paused", "left_out", "put_in"]
                .map(|result| counter!("tonegate_rtp_absent_frames_total", "result" => result)),
            concealed: counter!("tonegate_rtp_gaps_concealed_total"),
            false_interruptions: counter!("tonegate_false_interruptions_total"),
            buffered: ["played", "concealed", "skipped", "stretched", "dropped"]
                .map(|result| counter!("tonegate_jitter_buffer_frames_total", "result" => result)),
            discarded: ["late", "muted", "full", "backlog"]
                .map(|reason| counter!("tonegate_agent_samples_dropped_total", "reason" => reason)),
            unsent: counter!("tonegate_drops_total", "queue" => "rtp", "reason" => "send_failed"),
            tap_agent_full: full("tap_agent"),
            tap_recorder_full: full("tap_recorder"),
            outputs_full: full("leg_outputs"),
            rejected: Rejection::ALL.into_iter().map(rejected).collect(),
            to_agent: histogram!("tonegate_added_latency_seconds", "direction" => "to_agent"),
            to_caller: histogram!("tonegate_added_latency_seconds", "direction" => "to_caller"),
            mos: ["from_caller", "to_caller"]
                .map(|direction| histogram!("tonegate_call_mos", "direction" => direction)),
            reported_mos: histogram!("tonegate_call_reported_mos"),
            legs: gauge!("tonegate_media_legs", "shard" => shard.clone()),
            waiting: gauge!("tonegate_queue_depth", "queue" => "media_commands", "shard" => shard),
        }
    }

    /// A slot ran so much after its moment.
    pub(super) fn ticked(&self, lag: Duration) {
        self.tick_lag.record(lag);
        if lag > TICK_BUDGET {
            self.overruns.increment(1);
        }
    }

    /// From the packet's arrival to its frame's hand-over; the gate's delay line is in it.
    pub(super) fn to_agent(&self, received: Instant) {
        self.to_agent.record(received.elapsed());
    }

    /// From agent audio's arrival on an empty queue to its packet; the wait for the pacing slot is in it.
    pub(super) fn to_caller(&self, waited: Duration) {
        self.to_caller.record(waited);
    }

    pub(super) fn false_interruption(&self) {
        self.false_interruptions.increment(1);
    }

    pub(super) fn unsent(&self) {
        self.unsent.increment(1);
    }

    /// A frame found no place in a tap's queue.
    pub(super) fn tap_full(&self, kind: SinkKind) {
        let counter = match kind {
            SinkKind::Agent => &self.tap_agent_full,
            SinkKind::Recorder => &self.tap_recorder_full,
        };
        counter.increment(1);
    }

    /// An output of a leg found no place on its way to control.
    pub(super) fn outputs_full(&self) {
        self.outputs_full.increment(1);
    }

    pub(super) fn legs(&self, count: usize) {
        self.legs.set(count as f64);
    }

    pub(super) fn waiting(&self, count: usize) {
        self.waiting.set(count as f64);
    }

    /// How a leg sounded, once it is closed.
    pub(super) fn heard(&self, quality: &Quality) {
        for (histogram, heard) in self.mos.iter().zip([quality.from_caller, quality.to_caller]) {
            if let Some(heard) = heard {
                histogram.record(heard.mos);
            }
        }
        if let Some(mos) = quality.reported {
            self.reported_mos.record(mos);
        }
    }

    /// Adds gaps of a leg that were filled.
    pub(super) fn conceal(&self, gaps: u64) {
        self.concealed.increment(gaps);
    }

    /// Adds what a leg's jitter buffer has done since `before`.
    pub(super) fn buffer(&self, before: &JitterBufferReport, after: &JitterBufferReport) {
        let counts = |report: &JitterBufferReport| {
            [report.played, report.concealed, report.skipped, report.stretched, report.dropped]
        };
        for ((counter, before), after) in self.buffered.iter().zip(counts(before)).zip(counts(after)) {
            counter.increment(after.saturating_sub(before));
        }
    }

    /// Adds agent audio that a leg has not played since `before`.
    pub(super) fn discard(&self, before: &Discarded, after: &Discarded) {
        let counts = |discarded: &Discarded| [discarded.late, discarded.muted, discarded.full, discarded.backlog];
        for ((counter, before), after) in self.discarded.iter().zip(counts(before)).zip(counts(after)) {
            counter.increment(after - before);
        }
    }

    /// Adds what a leg has counted since `before`.
    pub(super) fn count(&self, before: &Statistics, after: &Statistics) {
        self.received.increment(after.received - before.received);
        self.sent.increment(after.sent - before.sent);
        // One that only comes late was never given up.
        self.lost.increment(after.given_up - before.given_up);
        let counts = |statistics: &Statistics| [statistics.conflicts.changed, statistics.conflicts.looped];
        for ((counter, before), after) in self.conflicts.iter().zip(counts(before)).zip(counts(after)) {
            counter.increment(after - before);
        }
        let counts = |statistics: &Statistics| {
            [statistics.lost_frames, statistics.paused_frames, statistics.left_out_frames, statistics.put_in_frames]
        };
        for ((counter, before), after) in self.absent.iter().zip(counts(before)).zip(counts(after)) {
            counter.increment(after - before);
        }
        for (counter, reason) in self.rejected.iter().zip(Rejection::ALL) {
            counter.increment(after.rejected.count(reason) - before.rejected.count(reason));
        }
    }
}
