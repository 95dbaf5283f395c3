//! What is fuzzed of the authenticated interface (`fuzz/README.md`).

use book::import::{BUILT_IN_STRATEGIES, strategies};
use dialogue::{Negotiation, OfferAnswer};
use jiff::civil::{Date, date};
use rules::calendar::Calendar;
use rules::money::{Currency, Money};
use serde::Deserialize;

use crate::api::{Answer, ApiRequest, CaptureAsk, Factor, OfferAsk, OutcomeReport};
use crate::control::{claim, wanted};
use crate::tool;

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;

const TODAY: Date = date(2026, 11, 23);

/// The body of `POST …/verify`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    factor: Factor,
    value: Answer,
}

/// The body of any request of `/v1`, and what it asks for. No offer leaves the bounds of its strategy, whatever is asked.
pub fn api_body(bytes: &[u8]) {
    if let Ok(verify) = serde_json::from_slice::<Verify>(bytes) {
        let _ = claim(verify.factor, verify.value.reveal());
    }
    let _ = serde_json::from_slice::<OutcomeReport>(bytes);
    let _ = serde_json::from_slice::<CaptureAsk>(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Ok(request) = tool::read("collect_payment", &text, None) {
        assert!(
            matches!(request, ApiRequest::CollectPayment { .. }) && tool::redacted(&text) == text,
            "no long number passes"
        );
    }
    if let Ok(ask) = serde_json::from_slice::<OfferAsk>(bytes) {
        negotiate(&ask);
    }
}

fn negotiate(ask: &OfferAsk) {
    let currency = Currency::parse("USD").expect("a currency");
    let Some(wanted) = wanted(ask, |minor| Money::new(minor, currency)) else { return };
    let (balance, calendar) = (Money::new(61_240, currency), Calendar::united_states());
    for strategy in strategies(BUILT_IN_STRATEGIES).expect("what comes with the gateway").rows {
        let mut negotiation = Negotiation::new(balance, strategy.bounds.clone(), TODAY, calendar.clone());
        match negotiation.ask(wanted) {
            OfferAnswer::AsAsked(plan) | OfferAnswer::Closest(plan) => {
                assert!(plan.offer.is_within(&strategy.bounds, &calendar), "an offer within the bounds");
                assert!(plan.offer.schedule(&calendar).len() <= 100);
            }
            OfferAnswer::Refer => {}
        }
    }
}

#[cfg(test)]
mod tests {
    super::replay::replay!(api_body);
}
