//! Every metric of the gateway, in one table. Its documentation (`deploy/prometheus/README.md`), the alert
//! rules and the dashboard are checked against it.
//!
//! Names begin with `tonegate_` and use base units. No label holds a telephone number, an account or a digit,
//! and nothing observes single keys. Label values come from fixed lists or from the configuration.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// What a metric measures over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations, counted in the buckets given by their upper bounds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The word of the exposition format.
    #[cfg(test)]
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// The full name.
    pub(crate) name: &'static str,
    /// How it behaves.
    pub(crate) kind: Kind,
    /// The base unit; `None` for plain counts and states.
    pub(crate) unit: Option<Unit>,
    /// The labels every series of it has.
    #[cfg_attr(not(test), expect(dead_code, reason = "held against the documents by a test"))]
    pub(crate) labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub(crate) help: &'static str,
}

/// From a tick's budget to a stalled thread.
const LAG: &[f64] = &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
/// What the gateway itself may add to audio.
const ADDED: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.5];
/// Where listeners go from satisfied to annoyed (ITU-T G.109), and a line without loss at the end.
const MOS: &[f64] = &[1.5, 2.0, 2.58, 3.1, 3.6, 4.03, 4.34, 4.5];
/// From an in-process answer to the two-second budget of the account book.
const SERVICE: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 5.0];

const fn metric(
    name: &'static str,
    kind: Kind,
    unit: Option<Unit>,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, unit, labels, help }
}

const SECONDS: Option<Unit> = Some(Unit::Seconds);
const BYTES: Option<Unit> = Some(Unit::Bytes);

/// Every metric, in the order of the documentation.
pub(crate) const METRICS: &[Metric] = &[
    metric("tonegate_build_info", Kind::Gauge, None, &["version"], "Always 1; the version is the label."),
    metric("tonegate_ready", Kind::Gauge, None, &["check"], "1 while a check that every call needs passes, else 0."),
    metric("tonegate_calls_active", Kind::Gauge, None, &["trunk"], "Calls up now."),
    metric("tonegate_calls_limit", Kind::Gauge, None, &["trunk"], "Most calls the trunk may have at once."),
    metric("tonegate_calls_ended_total", Kind::Counter, None, &["trunk", "reason"], "Calls ended or refused, by why."),
    metric(
        "tonegate_calls_refused_total",
        Kind::Counter,
        None,
        &["reason"],
        "INVITEs answered 503 at once: `full`, or the name of the check that fails.",
    ),
    metric(
        "tonegate_call_setup_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &[],
        "From a call's INVITE to its 200 OK.",
    ),
    metric("tonegate_sip_requests_total", Kind::Counter, None, &["method"], "SIP requests received from trunks."),
    metric("tonegate_sip_responses_total", Kind::Counter, None, &["status"], "SIP responses sent."),
    metric(
        "tonegate_sip_retransmissions_total",
        Kind::Counter,
        None,
        &[],
        "SIP messages sent again because no answer came.",
    ),
    metric(
        "tonegate_added_latency_seconds",
        Kind::Histogram(ADDED),
        SECONDS,
        &["direction"],
        "What the gateway adds to audio: `to_agent` from the moment a frame is in order and decoded to the back end's queue; what \
         it waited in its socket, a millisecond at most, and for packets before it is not in it. `to_caller` from a bot's message \
         that finds nothing waiting to its packet; what waits behind other audio is as late as the bot is ahead.",
    ),
    metric(
        "tonegate_tick_lag_seconds",
        Kind::Histogram(LAG),
        SECONDS,
        &["shard"],
        "How late a media thread's 20 ms tick began.",
    ),
    metric(
        "tonegate_tick_overruns_total",
        Kind::Counter,
        None,
        &["shard"],
        "20 ms ticks over budget: not done with all their calls' packets 2 ms after their moment.",
    ),
    metric(
        "tonegate_call_mos",
        Kind::Histogram(MOS),
        None,
        &["direction"],
        "Estimated mean opinion score (ITU-T G.107) of each call's audio between far end and gateway, once it has ended: \
         `from_caller` by what arrived, `to_caller` by the far end's RTCP, where it sends any.",
    ),
    metric(
        "tonegate_call_jitter_seconds",
        Kind::Histogram(ADDED),
        SECONDS,
        &["direction"],
        "Interarrival jitter (RFC 3550 §6.4.1) of each call's audio, as it was at its end: `from_caller` as it arrived, \
         `to_caller` by the far end's RTCP, where it sends any.",
    ),
    metric(
        "tonegate_call_reported_mos",
        Kind::Histogram(MOS),
        None,
        &[],
        "Mean opinion score that far ends themselves gave what they heard of each call, by its end: of those that send VoIP \
         metrics (RFC 3611).",
    ),
    metric(
        "tonegate_dtls_handshakes_total",
        Kind::Counter,
        None,
        &["result"],
        "DTLS handshakes of calls over: `completed`, or why they gave no keys: `deadline`, not over in 10 s; `fingerprint`, \
         another certificate than the session description names; `profile`, no SRTP profile in common; `alert`, given up by \
         the far end; `protocol`.",
    ),
    metric("tonegate_media_legs", Kind::Gauge, None, &["shard"], "Legs on a media thread now."),
    metric(
        "tonegate_rtp_packets_total",
        Kind::Counter,
        None,
        &["direction"],
        "RTP packets, `received` from those who are heard (what strangers send is in drops alone) and `sent`.",
    ),
    metric(
        "tonegate_rtp_packets_lost_total",
        Kind::Counter,
        None,
        &[],
        "RTP packets from callers that never came, counted once 64 later ones came, or at the end.",
    ),
    metric(
        "tonegate_rtp_ssrc_conflicts_total",
        Kind::Counter,
        None,
        &["result"],
        "Packets of far ends under the gateway's own SSRC: `changed`, it took another one (RFC 3550 §8.2); `looped`, that \
         came back as well, as from an echo test.",
    ),
    metric(
        "tonegate_rtp_absent_frames_total",
        Kind::Counter,
        None,
        &["result"],
        "Frames of 20 ms in which a caller's stream had nothing of its own, up to its last packet: `lost`, packets did not come; `paused`, none was \
         sent; `recovered`, the next packet had them as well (Opus); `left_out` and `put_in`, quiet frames that made up for a \
         caller's fast or slow clock.",
    ),
    metric(
        "tonegate_rtp_stream_changes_total",
        Kind::Counter,
        None,
        &["result"],
        "Times a caller's stream had to be taken up anew: `new_ssrc`, the far end took another SSRC; `found_again`, sequence \
         numbers or timestamps jumped.",
    ),
    metric(
        "tonegate_rtp_gaps_concealed_total",
        Kind::Counter,
        None,
        &[],
        "Gaps in callers' audio that were filled with what was heard before, for agents, recogniser and recordings.",
    ),
    metric(
        "tonegate_agent_samples_dropped_total",
        Kind::Counter,
        None,
        &["reason"],
        "Samples at 8 kHz of streamed agent audio that were not played: `late`, of a turn that was cut; `muted`; `full`, more \
         than a minute ahead; `backlog`, silence that stood in the queue of an agent that streams in real time.",
    ),
    metric(
        "tonegate_interruptions_total",
        Kind::Counter,
        None,
        &[],
        "Times an agent was cut because the caller spoke.",
    ),
    metric(
        "tonegate_false_interruptions_total",
        Kind::Counter,
        None,
        &[],
        "Times an agent fell silent for a caller who only seemed to speak, and went on.",
    ),
    metric(
        "tonegate_jitter_buffer_frames_total",
        Kind::Counter,
        None,
        &["result"],
        "Frames of 20 ms of the jitter buffers, which callers of an `echo` hear themselves through: `played` as they came, \
         `concealed` because none was there in time, `skipped` and `stretched` silence where the delay changed, `dropped`.",
    ),
    metric(
        "tonegate_queue_depth",
        Kind::Gauge,
        None,
        &["queue"],
        "Entries waiting in a queue that all calls share: `sip_commands`, `sip_events`, `sip_messages`, `sip_connections`, \
         `media_commands` (with a label `shard`), `journal`, `store`, `outbox`, `outbox_parked`, `assignments`, \
         `assignments_quarantined`. The queues of one call show only in drops.",
    ),
    metric(
        "tonegate_drops_total",
        Kind::Counter,
        None,
        &["queue", "reason"],
        "What was dropped at a queue or a socket, by why: see [What is dropped](#what-is-dropped).",
    ),
    metric("tonegate_child_up", Kind::Gauge, None, &["child"], "1 while a child process answers, else 0."),
    metric(
        "tonegate_child_restarts_total",
        Kind::Counter,
        None,
        &["child", "reason"],
        "Restarts of a child process, by why.",
    ),
    metric(
        "tonegate_control_failures_total",
        Kind::Counter,
        None,
        &["control"],
        "Times a protective control failed and its call or request was stopped.",
    ),
    metric(
        "tonegate_control_weakened",
        Kind::Gauge,
        None,
        &["control"],
        "1 while two operators have weakened a protective control for a time, else 0.",
    ),
    metric(
        "tonegate_transfers_total",
        Kind::Counter,
        None,
        &["outcome"],
        "Transfers ended: `transferred`, or why they were not.",
    ),
    metric(
        "tonegate_captures_total",
        Kind::Counter,
        None,
        &["outcome"],
        "Card captures ended: `approved`, `declined`, `cancelled`, `unknown`, also where the call ended before it was known, or why they failed.",
    ),
    metric(
        "tonegate_processor_charge_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &["result"],
        "How long one attempt to charge a token took: `approved`, `declined`, `pending`, or why nothing is known.",
    ),
    metric(
        "tonegate_processor_refund_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &["result"],
        "How long one attempt to refund took: `refunded`, `pending`, `failed`, or why nothing is known.",
    ),
    metric(
        "tonegate_processor_read_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &["result"],
        "How long reading a payment or a refund at the processor took, retries included.",
    ),
    metric(
        "tonegate_payments_open",
        Kind::Gauge,
        None,
        &["state"],
        "Payments whose outcome is not known: `submitted`, keyed now or left so; `tokenised`; `charging`; `unknown`; and \
         `refunding`, of which the refund's is not.",
    ),
    metric(
        "tonegate_payments_open_oldest_seconds",
        Kind::Gauge,
        SECONDS,
        &["state"],
        "For how long the oldest payment of the state has been open, or its refund under way; 0 where there is none.",
    ),
    metric(
        "tonegate_lookup_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &["book"],
        "How long looking up an account took.",
    ),
    metric(
        "tonegate_breaker_open",
        Kind::Gauge,
        None,
        &["class"],
        "Whether the account book is left alone after failures, for a class of questions: `compliance`, flags and balance read again; `look_up`, whose account it is; `write`, records. After half a second one question is let through, then after a second, and so on up to five; an answer closes it.",
    ),
    metric(
        "tonegate_salesforce_requests_total",
        Kind::Counter,
        None,
        &["outcome"],
        "Requests to Salesforce, each hedge counted: `answered`, or why not: `unreached`, `resting` (not sent, because the org asked to be left alone), `abandoned` (its deadline passed, or the other connection answered first), `lost`, `malformed`, `setting` (it could not be made), or what the org said: `session`, `access`, `configuration`, `rejected`, `locked`, `duplicate`, `not_unique`, `absent`, `quota_daily`, `quota_concurrent`, `quota_logins`, `quota_storage`, `quota_rate`, `read_only` or `unavailable`.",
    ),
    metric(
        "tonegate_salesforce_request_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &[],
        "How long one request to Salesforce took, whatever came of it.",
    ),
    metric(
        "tonegate_salesforce_hedges_total",
        Kind::Counter,
        None,
        &[],
        "Look-ups that were asked again over the other connection because no answer came.",
    ),
    metric(
        "tonegate_salesforce_sign_ins_total",
        Kind::Counter,
        None,
        &["outcome"],
        "Sign-ins to Salesforce: `signed_in`; `refused`, which a person must look at; `failed`.",
    ),
    metric(
        "tonegate_salesforce_api_usage_ratio",
        Kind::Gauge,
        None,
        &[],
        "Share of the org's requests of the last 24 hours that is used, by everybody together.",
    ),
    metric(
        "tonegate_salesforce_strategy_readings_total",
        Kind::Counter,
        None,
        &["outcome"],
        "Readings of every strategy of the org, from the first look-up on and then every five minutes in which there is one: `read` or `failed`.",
    ),
    metric(
        "tonegate_salesforce_mapping_findings",
        Kind::Gauge,
        None,
        &["weight"],
        "Objects, fields and the event of the org that are not as the mapping says, by the last comparison: `stops` what no account can be read or record be written without, `assignments` what no account is assigned by events without, `warns` what should be looked at.",
    ),
    metric(
        "tonegate_salesforce_events_total",
        Kind::Counter,
        None,
        &["outcome"],
        "Events of assignments by what became of them: `queued`, `repeated`, `old`, `expired`, `revoked_before`, `revoked`, `revoked_ahead`, `quarantined`, or `no_room` where too many wait, so that a sweep is to bring it; and accounts that were `found` or `withdrawn` by a sweep, or whose assignment expired while it waited (`expired_waiting`).",
    ),
    metric(
        "tonegate_salesforce_event_streams_total",
        Kind::Counter,
        None,
        &["outcome"],
        "Ends of the stream of assignments: `unavailable`, `silent`, `session`, `limited`, `refused`, `unstored`; or `corrupted` where the org did not know the place in the topic any more, so that assignments may be missing.",
    ),
    metric(
        "tonegate_salesforce_event_subscriber_active",
        Kind::Gauge,
        None,
        &[],
        "Whether this gateway receives assignments and stores them; of those that share a queue one does. In a quiet org it is known once the first keep-alive comes: 270 s at most.",
    ),
    metric(
        "tonegate_salesforce_event_polling_active",
        Kind::Gauge,
        None,
        &[],
        "Whether this gateway asks the org for the accounts in its queue because events are not to be had.",
    ),
    metric(
        "tonegate_salesforce_event_last_timestamp_seconds",
        Kind::Gauge,
        SECONDS,
        &[],
        "When the last event was stored.",
    ),
    metric(
        "tonegate_salesforce_sweeps_total",
        Kind::Counter,
        None,
        &["outcome"],
        "Sweeps of the accounts in the org's queue: `done`; `cut` where a minute or 200,000 rows were not enough; `full` where the call queue had no room for all; `thrift` where the requests of the day are nearly used up, or the org is busy; or why not, as of requests, `statement`, `store` or `not_held`.",
    ),
    metric(
        "tonegate_outbox_oldest_seconds",
        Kind::Gauge,
        SECONDS,
        &[],
        "Age of the oldest record not yet delivered to the account book; 0 when none waits.",
    ),
    metric(
        "tonegate_outbox_verified_total",
        Kind::Counter,
        None,
        &["result"],
        "Calls and flags whose answer was lost, read back before they were sent again: `written` all the same, or `not_written`.",
    ),
    metric(
        "tonegate_salesforce_rows_refused_total",
        Kind::Counter,
        None,
        &["outcome"],
        "Rows that the org refused among the records of a call, by why: `rejected`, `locked`, `read_only`, or as requests are. The request itself counts as `answered`.",
    ),
    metric(
        "tonegate_bulk_rows_total",
        Kind::Counter,
        None,
        &["result"],
        "Rows of a backlog that were sent by Bulk API 2.0, and what became of them: `written`, `refused`, which go with their calls, or `unprocessed`, which are sent again.",
    ),
    metric(
        "tonegate_outbound_held",
        Kind::Gauge,
        None,
        &["reason"],
        "Whether outbound calls are held back, 1 for each reason that holds them: `store`, `outbox_old`, `outbox_full`, `book_failing`, `book_allowance`, `book_unproven`.",
    ),
    metric(
        "tonegate_reconciliation_difference",
        Kind::Gauge,
        None,
        &["object"],
        "Rows of the day before that Salesforce took and has not any more, of each object that calls make; they are delivered again.",
    ),
    metric(
        "tonegate_reconciliation_timestamp_seconds",
        Kind::Gauge,
        SECONDS,
        &[],
        "When the ledger of the day before was last held against Salesforce, in seconds since 1970.",
    ),
    metric(
        "tonegate_store_commit_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &["store"],
        "How long one durable commit took.",
    ),
    metric(
        "tonegate_audit_checkpoints_total",
        Kind::Counter,
        None,
        &["destination", "result"],
        "Tries to ship a checkpoint of the audit chain to the `directory` or the `collector`: `kept` there, `failed`, or `refused` \
         by the collector.",
    ),
    metric(
        "tonegate_audit_unshipped_seconds",
        Kind::Gauge,
        SECONDS,
        &["destination"],
        "Age of the oldest checkpoint that has not arrived; 0 when none waits.",
    ),
    metric(
        "tonegate_disk_free_bytes",
        Kind::Gauge,
        BYTES,
        &["volume"],
        "Free space of a volume the gateway writes to.",
    ),
    metric(
        "tonegate_clock_offset_seconds",
        Kind::Gauge,
        SECONDS,
        &[],
        "By how much the wall clock was set since the start, in sum.",
    ),
    metric(
        "tonegate_certificate_expiry_timestamp_seconds",
        Kind::Gauge,
        SECONDS,
        &["name"],
        "When a certificate expires, in seconds since 1970.",
    ),
    metric(
        "tonegate_recordings_total",
        Kind::Counter,
        None,
        &["result"],
        "Recordings finished: `whole`, with `gaps` where audio did not reach the writer in time, or cut short or never begun for \
         `quota` or a `failed` disk.",
    ),
    metric(
        "tonegate_prompt_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &["result"],
        "How long a prompt took to be had, from the cache or rendered.",
    ),
    metric(
        "tonegate_recognition_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &[],
        "From the caller's last voice to the words.",
    ),
    metric(
        "tonegate_utterances_total",
        Kind::Counter,
        None,
        &["grammar", "result"],
        "Utterances of callers judged, by the grammar in force and what came of it.",
    ),
    metric("tonegate_utterances_cut_total", Kind::Counter, None, &[], "Utterances cut because they were too long."),
    metric(
        "tonegate_speech_fallbacks_total",
        Kind::Counter,
        None,
        &["child"],
        "Prompts and utterances that a Debian engine took over because the better one failed.",
    ),
    metric(
        "tonegate_spoken_numbers_total",
        Kind::Counter,
        None,
        &["result"],
        "What was taken out of the words of callers outside captures, before anything read them: `card_number`, 13 to 19 digits with a right check digit; `long_number`, as many without; `digits`, six and more that nobody asked for.",
    ),
    metric(
        "tonegate_spoken_spans_total",
        Kind::Counter,
        None,
        &["result"],
        "Spans of recordings in which such a number was said: `silenced`, or `too_late` where some of it had been written; `unjudged`, times that speech was written although nobody recognised it: it was kept back for as long as it may be, or the recogniser failed or was busy.",
    ),
    metric(
        "tonegate_bot_warnings_total",
        Kind::Counter,
        None,
        &["code"],
        "Messages from bots that Twilio would warn about, by its code.",
    ),
    metric(
        "tonegate_callback_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &["result"],
        "How long telling an agent of its payment by HTTP took, repetitions included: `delivered`; `refused`; `failed`, its server \
         did not answer or failed three times; `open`, left alone because it failed before.",
    ),
    metric(
        "tonegate_carrier_seconds",
        Kind::Histogram(SERVICE),
        SECONDS,
        &["command", "result"],
        "How long having the carrier carry out a command of a payment took, repetitions included: `obeyed`; `refused`; `silent`; \
         `unreached`, without a connection; `malformed`; `unknown`, of a payment that it does not know; `open`, left alone because it failed before.",
    ),
    metric("tonegate_api_requests_total", Kind::Counter, None, &["route", "status"], "Requests to `/v1` answered."),
];

/// How often observations are sorted into buckets.
const TIDY: Duration = Duration::from_secs(1);

/// Why no recorder could be installed.
#[derive(Debug, thiserror::Error)]
#[error("cannot install the metrics recorder: {0}")]
pub(crate) struct MetricsError(#[from] BuildError);

/// Installs the process's recorder, with the buckets and descriptions of [`METRICS`].
///
/// # Errors
/// Where a recorder is already installed.
pub(crate) fn install() -> Result<PrometheusHandle, MetricsError> {
    let handle = builder()?.install_recorder()?;
    describe();
    super::series::show();
    metrics::gauge!("tonegate_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Sorts observations into their buckets until `stop`. Only a scrape does it otherwise: where nobody scrapes, every
/// observation would be kept.
pub(crate) async fn tidy(handle: PrometheusHandle, stop: CancellationToken) {
    let mut beat = tokio::time::interval(TIDY);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        handle.run_upkeep();
    }
}

/// An exporter with the buckets of every histogram.
pub(super) fn builder() -> Result<PrometheusBuilder, BuildError> {
    METRICS.iter().try_fold(PrometheusBuilder::new(), |builder, metric| match metric.kind {
        Kind::Histogram(buckets) => builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets),
        Kind::Counter | Kind::Gauge => Ok(builder),
    })
}

/// Gives every metric its help line.
pub(super) fn describe() {
    for metric in METRICS {
        let unit = metric.unit.unwrap_or(Unit::Count);
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, unit, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, unit, metric.help),
            Kind::Histogram(_) => describe_histogram!(metric.name, unit, metric.help),
        }
    }
}
