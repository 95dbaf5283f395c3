//! The metrics of a media thread. Handles are made once; a leg's counts are added up once a second.

use std::time::{Duration, Instant};

use audio::{Discarded, JitterBufferReport};
use call::SinkKind;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use rtp::{Quality, Rejection, Statistics};

/// By when, after its moment, a tick has to be done: all its legs' packets made and sent.
const TICK_BUDGET: Duration = Duration::from_millis(2);

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
    absent: [Counter; 5],
    changes: [Counter; 2],
    gate: [Counter; 4],
    concealed: Counter,
    interruptions: Counter,
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
    jitter: [Histogram; 2],
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
            absent: ["lost", "paused", "recovered", "left_out", "put_in"]
                .map(|result| counter!("tonegate_rtp_absent_frames_total", "result" => result)),
            changes: ["new_ssrc", "found_again"]
                .map(|result| counter!("tonegate_rtp_stream_changes_total", "result" => result)),
            gate: ["wrong_rate", "malformed", "acknowledgement", "overflow"]
                .map(|reason| counter!("tonegate_drops_total", "queue" => "gate", "reason" => reason)),
            concealed: counter!("tonegate_rtp_gaps_concealed_total"),
            interruptions: counter!("tonegate_interruptions_total"),
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
            jitter: ["from_caller", "to_caller"]
                .map(|direction| histogram!("tonegate_call_jitter_seconds", "direction" => direction)),
            reported_mos: histogram!("tonegate_call_reported_mos"),
            legs: gauge!("tonegate_media_legs", "shard" => shard.clone()),
            waiting: gauge!("tonegate_queue_depth", "queue" => "media_commands", "shard" => shard),
        }
    }

    /// A tick began so much after its moment, and was done so much after it.
    pub(super) fn ticked(&self, began: Duration, done: Duration) {
        self.tick_lag.record(began);
        if done > TICK_BUDGET {
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

    /// An agent was cut because the caller spoke, or went on because they did not.
    pub(super) fn interrupted(&self, is_false: bool) {
        let counter = if is_false { &self.false_interruptions } else { &self.interruptions };
        counter.increment(1);
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
        let directions = self.mos.iter().zip(&self.jitter);
        for ((mos, jitter), heard) in directions.zip([quality.from_caller, quality.to_caller]) {
            if let Some(heard) = heard {
                mos.record(heard.mos);
                jitter.record(heard.jitter);
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

    /// Adds what a leg's gate refused since `before`. Nothing that tells of single keys.
    pub(super) fn gate(&self, before: &gate::Counters, after: &gate::Counters) {
        let counts = |counters: &gate::Counters| {
            [counters.wrong_rate, counters.malformed, counters.bad_acknowledgements, counters.overflow]
        };
        for ((counter, before), after) in self.gate.iter().zip(counts(before)).zip(counts(after)) {
            counter.increment(after - before);
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
            [
                statistics.lost_frames,
                statistics.paused_frames,
                statistics.recovered_frames,
                statistics.left_out_frames,
                statistics.put_in_frames,
            ]
        };
        for ((counter, before), after) in self.absent.iter().zip(counts(before)).zip(counts(after)) {
            counter.increment(after - before);
        }
        let counts = |statistics: &Statistics| [statistics.stream_changes, statistics.resynchronised];
        for ((counter, before), after) in self.changes.iter().zip(counts(before)).zip(counts(after)) {
            counter.increment(after - before);
        }
        for (counter, reason) in self.rejected.iter().zip(Rejection::ALL) {
            counter.increment(after.rejected.count(reason) - before.rejected.count(reason));
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;
    use rtp::Conflicts;

    use super::*;

    /// What a scrape shows once `observe` has happened.
    fn scrape(observe: impl FnOnce(&Meters)) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || observe(&Meters::new(0)));
        recorder.handle().render()
    }

    fn assert_shows(scrape: &str, series: &[(&str, u64)]) {
        for (series, value) in series {
            let line = format!("{series} {value}");
            assert!(scrape.lines().any(|shown| shown == line), "{line} is not in\n{scrape}");
        }
    }

    #[test]
    fn what_a_leg_counts_is_in_its_own_series() {
        let before = Statistics { received: 1_000, ..Statistics::default() };
        let after = Statistics {
            received: 1_001,
            sent: 2,
            given_up: 3,
            lost_frames: 4,
            paused_frames: 5,
            recovered_frames: 12,
            left_out_frames: 6,
            put_in_frames: 7,
            stream_changes: 8,
            resynchronised: 9,
            conflicts: Conflicts { changed: 10, looped: 11 },
            ..before
        };
        let shown = scrape(|meters| meters.count(&before, &after));
        assert_shows(
            &shown,
            &[
                ("tonegate_rtp_packets_total{direction=\"received\"}", 1),
                ("tonegate_rtp_packets_total{direction=\"sent\"}", 2),
                ("tonegate_rtp_packets_lost_total", 3),
                ("tonegate_rtp_absent_frames_total{result=\"lost\"}", 4),
                ("tonegate_rtp_absent_frames_total{result=\"paused\"}", 5),
                ("tonegate_rtp_absent_frames_total{result=\"recovered\"}", 12),
                ("tonegate_rtp_absent_frames_total{result=\"left_out\"}", 6),
                ("tonegate_rtp_absent_frames_total{result=\"put_in\"}", 7),
                ("tonegate_rtp_stream_changes_total{result=\"new_ssrc\"}", 8),
                ("tonegate_rtp_stream_changes_total{result=\"found_again\"}", 9),
                ("tonegate_rtp_ssrc_conflicts_total{result=\"changed\"}", 10),
                ("tonegate_rtp_ssrc_conflicts_total{result=\"looped\"}", 11),
            ],
        );
    }

    #[test]
    fn what_is_made_of_audio_is_in_its_own_series() {
        let buffer = JitterBufferReport {
            played: 1,
            concealed: 2,
            skipped: 3,
            stretched: 4,
            dropped: 5,
            ..JitterBufferReport::default()
        };
        let discarded = Discarded { late: 6, muted: 7, full: 8, backlog: 9 };
        let counters = gate::Counters {
            wrong_rate: 10,
            malformed: 11,
            bad_acknowledgements: 12,
            overflow: 13,
            ..gate::Counters::default()
        };
        let shown = scrape(|meters| {
            meters.buffer(&JitterBufferReport::default(), &buffer);
            meters.discard(&Discarded::default(), &discarded);
            meters.gate(&gate::Counters::default(), &counters);
            meters.conceal(14);
            (0..15).for_each(|_| meters.interrupted(true));
            (0..17).for_each(|_| meters.interrupted(false));
            (0..16).for_each(|_| meters.unsent());
        });
        assert_shows(
            &shown,
            &[
                ("tonegate_jitter_buffer_frames_total{result=\"played\"}", 1),
                ("tonegate_jitter_buffer_frames_total{result=\"concealed\"}", 2),
                ("tonegate_jitter_buffer_frames_total{result=\"skipped\"}", 3),
                ("tonegate_jitter_buffer_frames_total{result=\"stretched\"}", 4),
                ("tonegate_jitter_buffer_frames_total{result=\"dropped\"}", 5),
                ("tonegate_agent_samples_dropped_total{reason=\"late\"}", 6),
                ("tonegate_agent_samples_dropped_total{reason=\"muted\"}", 7),
                ("tonegate_agent_samples_dropped_total{reason=\"full\"}", 8),
                ("tonegate_agent_samples_dropped_total{reason=\"backlog\"}", 9),
                ("tonegate_drops_total{queue=\"gate\",reason=\"wrong_rate\"}", 10),
                ("tonegate_drops_total{queue=\"gate\",reason=\"malformed\"}", 11),
                ("tonegate_drops_total{queue=\"gate\",reason=\"acknowledgement\"}", 12),
                ("tonegate_drops_total{queue=\"gate\",reason=\"overflow\"}", 13),
                ("tonegate_rtp_gaps_concealed_total", 14),
                ("tonegate_false_interruptions_total", 15),
                ("tonegate_interruptions_total", 17),
                ("tonegate_drops_total{queue=\"rtp\",reason=\"send_failed\"}", 16),
            ],
        );
    }

    #[test]
    fn a_tick_that_is_done_too_late_is_over_budget_whenever_it_began() {
        let shown = scrape(|meters| {
            meters.ticked(Duration::ZERO, TICK_BUDGET);
            meters.ticked(Duration::ZERO, TICK_BUDGET + Duration::from_micros(1));
            meters.ticked(TICK_BUDGET, TICK_BUDGET + Duration::from_micros(400));
        });
        assert_shows(&shown, &[("tonegate_tick_overruns_total{shard=\"0\"}", 2)]);
        assert!(shown.contains("tonegate_tick_lag_seconds"));
    }
}
