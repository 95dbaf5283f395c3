//! A card that the carrier takes: it hears the keys too, and tells of each field and of the end.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::{CAPTURE, Talk, TalkError, split};
use crate::{
    canary::{Canary, DIGITS, Field},
    carrier, http,
};

/// Digits of a number that a receipt shows.
const LAST: usize = 4;

impl Talk<'_> {
    /// A field is keyed, and the carrier has heard it. Where the vault takes cards nothing is to be told.
    pub(super) async fn tell_keyed(&self, field: Field) -> Result<(), TalkError> {
        let Some(call) = &self.carrier_call else { return Ok(()) };
        let name = match field {
            Field::Number => "payment-card-number",
            Field::Expiry => "expiration-date",
            Field::Code => "security-code",
            Field::Postal => "postal-code",
        };
        let deadline = Instant::now() + CAPTURE;
        loop {
            let payment = self.scene.bot.payment(call);
            if let Some(payment) = payment.filter(|payment| payment.field.as_deref() == Some(name)) {
                let form = BTreeMap::from([("Capture", name.to_owned()), ("PartialResult", "false".to_owned())]);
                return self.tell(&payment.callback, &form).await;
            }
            self.look(deadline, "the carrier's field").await?;
        }
    }

    /// Everything is keyed: the carrier has made the payment, and tells so once.
    pub(super) async fn tell_end(&self) -> Result<(), TalkError> {
        let Some(call) = &self.carrier_call else { return Ok(()) };
        let Some(payment) = self.scene.bot.payment(call).filter(|payment| payment.is_complete) else { return Ok(()) };
        self.scene.bot.close_payment(call);
        let form = BTreeMap::from([
            ("Result", "success".to_owned()),
            ("PaymentCardNumber", masked(self.canary)),
            ("PaymentCardType", "visa".to_owned()),
            ("PaymentConfirmationCode", "ch_of_the_proof".to_owned()),
        ]);
        self.tell(&payment.callback, &form).await
    }

    async fn tell(&self, address: &str, form: &BTreeMap<&str, String>) -> Result<(), TalkError> {
        let signed = carrier::signature(&self.scene.carrier_token, address, form);
        let (server, path) =
            split(address).ok_or_else(|| TalkError::Refused("the carrier got no address".to_owned()))?;
        // Nothing in it needs to be encoded.
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let told = http::post_form(server, path, ("X-Twilio-Signature", &signed), body.join("&")).await?;
        if told.status >= 300 {
            return Err(TalkError::Refused(format!("the gateway answered the carrier with {}", told.status)));
        }
        Ok(())
    }
}

/// A number as a receipt shows it.
fn masked(canary: &Canary) -> String {
    let hidden = std::iter::repeat_n('x', DIGITS - LAST);
    hidden.chain(canary.keys(Field::Number).skip(DIGITS - LAST).map(char::from)).collect()
}
