//! The series that a fresh gateway shows. Prometheus sees no increase in a series that first appears at 1, so what an
//! alert counts stands at 0 before its first event.

use metrics::counter;

/// Counters with one label of fixed values: name, label, values.
pub(super) const SERIES: &[(&str, &str, &[&str])] = &[
    (
        "tonegate_control_failures_total",
        "control",
        &[
            "account_book",
            "api_authorization",
            "api_tls",
            "approval_refused",
            "audit_chain",
            "audit_dropped",
            "audit_rolled_back",
            "call_queue",
            "card_number_in_record",
            "carrier_signature",
            "guard_blocked",
            "mute_lapsed",
            "mute_not_acknowledged",
            "record_not_durable",
            "reload",
            "salesforce_mapping",
            "salesforce_row",
            "salesforce_sign_in",
            "spoken_number_recorded",
            "vault_record",
            "wipe_unconfirmed",
        ],
    ),
    ("tonegate_calls_refused_total", "reason", &["clock", "disk", "drain", "full", "media", "prompts", "sip", "store"]),
    (
        "tonegate_captures_total",
        "outcome",
        &[
            "approved",
            "cancelled",
            "cancelled_by_caller",
            "carrier_refused",
            "carrier_unavailable",
            "declined",
            "expired",
            "gateway_dumpable",
            "handed_on",
            "hung_up",
            "media_in_clear",
            "mute_lapsed",
            "mute_not_acknowledged",
            "no_carrier_call",
            "no_connection",
            "not_submitted",
            "payment_open",
            "processor_failed",
            "processor_refused",
            "processor_unreachable",
            "processor_untrusted",
            "protocol",
            "session_timeout",
            "signalling_in_clear",
            "swap_in_clear",
            "too_many_attempts",
            "unavailable",
            "unknown",
            "vault_closed",
            "vault_misbehaved",
            "vault_not_hardened",
            "wipe_unconfirmed",
            "withdrawn",
        ],
    ),
    (
        "tonegate_transfers_total",
        "outcome",
        &[
            "call_ended",
            "capture_running",
            "dialog_gone",
            "lapsed",
            "no_word",
            "not_notified",
            "refused",
            "target_refused",
            "transferred",
            "unanswered",
            "unsupported",
        ],
    ),
    (
        "tonegate_dtls_handshakes_total",
        "result",
        &["alert", "completed", "deadline", "fingerprint", "profile", "protocol"],
    ),
    (
        "tonegate_salesforce_events_total",
        "outcome",
        &[
            "expired",
            "expired_waiting",
            "found",
            "no_room",
            "old",
            "quarantined",
            "queued",
            "repeated",
            "revoked",
            "revoked_ahead",
            "revoked_before",
            "withdrawn",
        ],
    ),
    (
        "tonegate_salesforce_event_streams_total",
        "outcome",
        &["corrupted", "limited", "refused", "session", "silent", "unavailable", "unstored"],
    ),
    ("tonegate_recordings_total", "result", &["failed", "gaps", "quota", "whole"]),
    ("tonegate_salesforce_requests_total", "outcome", &["access", "configuration"]),
    ("tonegate_spoken_numbers_total", "result", &["card_number", "digits", "long_number"]),
    ("tonegate_spoken_spans_total", "result", &["silenced", "too_late", "unjudged"]),
    ("tonegate_bot_warnings_total", "code", &["31924", "31930", "31950", "31951"]),
];

/// Shows the series that every gateway has.
pub(crate) fn show() {
    for (name, label, values) in SERIES {
        for value in *values {
            counter!(*name, *label => *value).increment(0);
        }
    }
}

/// Shows the series of a trunk.
pub(crate) fn show_trunk(trunk: &str) {
    for reason in call::EndReason::ALL {
        counter!("tonegate_calls_ended_total", "trunk" => trunk.to_owned(), "reason" => reason.label()).increment(0);
    }
}
