//! The words of every phrase that is not a question, a card prompt or a note.

use rules::money::Money;

use super::{Phrase, Wording, interruption, plan};
use crate::spoken;

const AI_NOTICE: &str = "I am an automated assistant with an artificial voice. You can ask for a person at any time.";
const RECORDING_NOTICE: &str = "This call is recorded.";
const MINI_MIRANDA: &str = "This is an attempt to collect a debt by a debt collector. Any information obtained will be used for that \
     purpose. You have the right to dispute the debt, or any part of it.";
const STILL_LOOKING: &str = "I am still looking.";
const RECORDS_UNAVAILABLE: &str =
    "I am sorry, I cannot reach our records just now. Please call again later, and a person can help you then too.";
const ACCOUNT_CHANGED: &str = "Your account has just changed, so here it is again.";
const KEYPAD_ONLY: &str =
    "Please do not say long numbers aloud. Where I need one, I ask you to key it in, and nobody hears the keys.";
const NO_MATCH: &str = "Sorry, that does not match what I have.";
const OFFER_UNCHANGED: &str = "Sorry, I can only offer the same.";
const PLAN_SAVED: &str = "Your plan is saved.";
const PLAN_NOT_SAVED: &str =
    "Sorry, I could not save the plan just now, so nothing is agreed yet. A person from our team will be in touch.";
const PAYMENT_DECLINED: &str = "Sorry, the card was declined. Nothing was charged.";
const PAYMENT_FAILED: &str = "Sorry, the payment could not be finished. Nothing was charged.";
const PAYMENT_UNKNOWN: &str = "I cannot tell yet whether the payment went through. Please do not pay again. We will find out and confirm it \
     to you in writing.";
const SUMMARY_PLAN: &str = "You will get the plan in writing.";
const SUMMARY_PAID: &str = "Your balance is paid in full. We will send you a confirmation in writing.";
const SUMMARY_NOTHING: &str = "We did not agree on a payment today. You can call us back at any time.";
const NOT_THE_PERSON: &str =
    "Thank you for telling me. I may only speak with the person I asked for. Please ask them to call us back.";
const NOT_FOUND: &str = "I could not find anything under that number. Please check our letter and call again, and a person can help \
     you.";
const NOT_VERIFIED: &str = "I am sorry, I could not confirm who I am speaking with, so I cannot go on. A person from our team will help \
     you if you write to us.";
const PERSON_NEEDED: &str = "A person from our team has to help you with this. Please write to us at the address on our letter, and they will \
     be in touch.";
const REFER_TO_PERSON: &str = "That is outside what I may agree to. A person from our team will call you to talk about payments that work for \
     you.";
const NOTHING_HEARD: &str = "I cannot hear you, so I end this call. Please call us again.";
const NOT_UNDERSTOOD: &str = "I am sorry that I could not understand. A person from our team will be in touch.";
const CONNECTING: &str = "I am connecting you now. Please stay on the line.";
const NOT_CONNECTED: &str = "I am sorry, I could not connect you just now.";
const APOLOGY: &str = "I am sorry, something went wrong on our side. Please call us again later.";
const GOODBYE: &str = "Thank you. Goodbye.";

pub(super) fn of(phrase: &Phrase) -> String {
    match phrase {
        Phrase::Opening { business } => format!("Thank you for calling {}.", business.as_str()),
        Phrase::Ask(question, attempt) => question.text(*attempt),
        Phrase::ReadBackDate(date) => format!("I heard {}.", spoken::date(*date)),
        Phrase::ReadBackDigits(digits) => format!("I heard {}.", spoken::digits(digits.as_str())),
        Phrase::Balance { creditor, balance } => {
            format!("You owe {} on your account with {creditor}.", spoken::money(*balance))
        }
        Phrase::OfferAsAsked(offered) => format!("Yes, that is possible: {}.", plan::outline(offered)),
        Phrase::OfferClosest(offered) => format!("I can offer {}.", plan::outline(offered)),
        Phrase::ReadBackPlan(offered) => plan::read_back(offered),
        Phrase::CardIntroduction { amount } => introduction(*amount),
        Phrase::Card(step, reason) => step.text(*reason),
        Phrase::PaymentApproved { amount, brand, last_four } => format!(
            "You paid {} with the {} ending in {}.",
            spoken::money(*amount),
            brand.spoken(),
            spoken::digits(last_four.as_str())
        ),
        Phrase::Noted(interruption) => interruption::text(*interruption).to_owned(),
        Phrase::Acknowledge(wording) => acknowledgement(*wording).to_owned(),
        Phrase::OneMoment(wording) => one_moment(*wording).to_owned(),
        Phrase::AiNotice => AI_NOTICE.to_owned(),
        Phrase::RecordingNotice => RECORDING_NOTICE.to_owned(),
        Phrase::MiniMiranda => MINI_MIRANDA.to_owned(),
        Phrase::StillLooking => STILL_LOOKING.to_owned(),
        Phrase::RecordsUnavailable => RECORDS_UNAVAILABLE.to_owned(),
        Phrase::AccountChanged => ACCOUNT_CHANGED.to_owned(),
        Phrase::KeypadOnly => KEYPAD_ONLY.to_owned(),
        Phrase::NoMatch => NO_MATCH.to_owned(),
        Phrase::OfferUnchanged => OFFER_UNCHANGED.to_owned(),
        Phrase::PlanSaved => PLAN_SAVED.to_owned(),
        Phrase::PlanNotSaved => PLAN_NOT_SAVED.to_owned(),
        Phrase::PaymentDeclined => PAYMENT_DECLINED.to_owned(),
        Phrase::PaymentFailed => PAYMENT_FAILED.to_owned(),
        Phrase::PaymentUnknown => PAYMENT_UNKNOWN.to_owned(),
        Phrase::SummaryPlan => SUMMARY_PLAN.to_owned(),
        Phrase::SummaryPaid => SUMMARY_PAID.to_owned(),
        Phrase::SummaryNothing => SUMMARY_NOTHING.to_owned(),
        Phrase::NotThePerson => NOT_THE_PERSON.to_owned(),
        Phrase::NotFound => NOT_FOUND.to_owned(),
        Phrase::NotVerified => NOT_VERIFIED.to_owned(),
        Phrase::PersonNeeded => PERSON_NEEDED.to_owned(),
        Phrase::ReferToPerson => REFER_TO_PERSON.to_owned(),
        Phrase::NothingHeard => NOTHING_HEARD.to_owned(),
        Phrase::NotUnderstood => NOT_UNDERSTOOD.to_owned(),
        Phrase::Connecting => CONNECTING.to_owned(),
        Phrase::NotConnected => NOT_CONNECTED.to_owned(),
        Phrase::Apology => APOLOGY.to_owned(),
        Phrase::Goodbye => GOODBYE.to_owned(),
    }
}

fn introduction(amount: Money) -> String {
    format!("To pay {} by card, please use your keypad: nobody hears the keys.", spoken::money(amount))
}

const fn acknowledgement(wording: Wording) -> &'static str {
    match wording {
        Wording::Plain => "Thank you.",
        Wording::Casual => "Thanks, got it.",
        Wording::Warm => "All right, thank you.",
    }
}

const fn one_moment(wording: Wording) -> &'static str {
    match wording {
        Wording::Plain => "One moment.",
        Wording::Casual => "Let me see.",
        Wording::Warm => "Let me check.",
    }
}
