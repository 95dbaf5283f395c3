//! The processor: who it is, and what each shape of it is sent. A request is written straight into sealed memory: its
//! digits are in no string.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use gate::wire::{Method, Open, Shape, Step};
use rustls::{ClientConfig, pki_types::ServerName};
use zeroize::Zeroizing;

use crate::sealed::{Sealed, SealedCard};

/// The version of Stripe's interface that requests and answers are of.
pub const STRIPE_VERSION: &str = "2024-06-20";
/// Most bytes of [`Processor::head`].
pub const HEAD_BYTES: usize = 2_048;
/// Room of a request's body, which no card, account or holder can fill.
const BODY_BYTES: usize = 1_024;

/// The processor, as the command line names it.
pub struct Processor {
    /// What it is.
    pub shape: Shape,
    /// The name that its certificate must bear.
    pub name: ServerName<'static>,
    /// Whom the vault trusts, and what it shows of itself.
    pub tls: Arc<ClientConfig>,
    /// The lines of a request's head that are the same for all: the request line, and the secret that is shown.
    pub head: Zeroizing<String>,
    /// How long it may take to answer.
    pub answer_within: Duration,
}

impl Processor {
    /// The whole request: a `POST` of HTTP/1.1, with the payment's id as the idempotency key.
    ///
    /// # Errors
    /// The system has no memory for it, or it does not fit, which the bounds rule out.
    pub fn request(&self, open: &Open, card: &SealedCard) -> io::Result<Sealed> {
        let mut body = Sealed::new(BODY_BYTES)?;
        if open.method == Method::Card {
            self.write_card(&mut body, open, card)?;
        } else {
            self.write_account(&mut body, open, card)?;
        }
        let (head, key, length) = (self.head.as_str(), u128::from_be_bytes(open.payment), body.expose().len());
        let mut request = Sealed::new(2 * HEAD_BYTES)?;
        write!(request, "{head}idempotency-key: {key:032x}\r\ncontent-length: {length}\r\n\r\n")?;
        request.write_all(body.expose())?;
        Ok(request)
    }

    /// Every value is digits, or of an alphabet that needs no escape in a form or in JSON. An empty one is left out.
    fn write_card(&self, body: &mut Sealed, open: &Open, card: &SealedCard) -> io::Result<()> {
        let (number, expiry, code) = (card.expose(Step::Number), card.expose(Step::Expiry), card.expose(Step::Code));
        let (month, year) = expiry.split_at_checked(2).unwrap_or_default();
        let (postal, amount, currency) = (card.expose(Step::Postal), open.amount_minor, open.currency.as_str());
        match self.shape {
            Shape::Sandbox => write!(
                body,
                "number={number}&expiry={expiry}&code={code}&amount={amount}&currency={currency}{}{postal}",
                named("&postal=", postal),
            ),
            Shape::Stripe => write!(
                body,
                "type=card&card[number]={number}&card[exp_month]={month}&card[exp_year]={year}&card[cvc]={code}{}{postal}",
                named("&billing_details[address][postal_code]=", postal),
            ),
            Shape::Tokeniser => write!(
                body,
                r#"{{"type":"card","number":"{number}","exp_month":"{month}","exp_year":"{year}","code":"{code}"{}{postal}{}}}"#,
                named(r#","postal":""#, postal),
                named("\"", postal),
            ),
        }
    }

    /// The same of a bank account.
    fn write_account(&self, body: &mut Sealed, open: &Open, card: &SealedCard) -> io::Result<()> {
        let (routing, account) = (card.expose(Step::Routing), card.expose(Step::Account));
        let account_type = if open.method == Method::Savings { "savings" } else { "checking" };
        let holder_type = if open.method == Method::BusinessChecking { "company" } else { "individual" };
        let (amount, currency, holder) = (open.amount_minor, open.currency.as_str(), open.holder.as_str());
        let form_holder = holder.replace(' ', "+");
        match self.shape {
            Shape::Sandbox => write!(
                body,
                "routing={routing}&account={account}&account_type={account_type}&holder_type={holder_type}\
                 &amount={amount}&currency={currency}{}{form_holder}",
                named("&holder=", holder),
            ),
            Shape::Stripe => write!(
                body,
                "type=us_bank_account&us_bank_account[routing_number]={routing}&us_bank_account[account_number]={account}\
                 &us_bank_account[account_type]={account_type}&us_bank_account[account_holder_type]={holder_type}\
                 {}{form_holder}",
                named("&billing_details[name]=", holder),
            ),
            Shape::Tokeniser => write!(
                body,
                r#"{{"type":"bank_account","routing":"{routing}","account":"{account}","account_type":"{account_type}","holder_type":"{holder_type}"{}{holder}{}}}"#,
                named(r#","holder":""#, holder),
                named("\"", holder),
            ),
        }
    }
}

/// What stands before or behind a value, where there is one.
fn named(text: &'static str, value: &str) -> &'static str {
    if value.is_empty() { "" } else { text }
}

#[cfg(test)]
mod tests;
