//! The request to the processor, written straight into sealed memory: no string, no formatter, no copy.

use gate::wire::Open;
use zeroize::Zeroizing;

use crate::sealed::{Sealed, SealedCard};

/// Most bytes of a request, head and body.
pub const REQUEST_BYTES: usize = 1_024;
/// Most bytes of the processor's bearer token, so that every request fits.
pub const TOKEN_BYTES: usize = 256;
/// Most bytes of the processor's name, so that every request fits.
pub const NAME_BYTES: usize = 128;
/// Most bytes of the path that payments are posted to, so that every request fits.
pub const PATH_BYTES: usize = 128;

/// What every request carries beside the payment.
pub struct Sender {
    /// The processor's name, as in its certificate.
    pub name: String,
    /// The path that payments are posted to.
    pub path: String,
    /// The bearer token.
    pub token: Zeroizing<String>,
}

/// Writes the `POST` as HTTP/1.1 with a body of `application/x-www-form-urlencoded`. The payment's id is the
/// idempotency key. `None` where it does not fit, which the bounds on name, path and token rule out.
#[must_use]
pub fn write(sender: &Sender, open: &Open, card: &SealedCard) -> Option<Sealed<REQUEST_BYTES>> {
    let amount = decimal(open.amount_minor);
    let currency = open.currency;
    let mut fields: Vec<(&[u8], &[u8])> = vec![
        (b"number=", card.number.expose()),
        (b"&expiry=", card.expiry.expose()),
        (b"&code=", card.code.expose()),
        (b"&amount=", amount.as_slice()),
        (b"&currency=", currency.as_str().as_bytes()),
    ];
    if !card.postal.is_empty() {
        fields.push((b"&postal=", card.postal.expose()));
    }
    let length: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();

    let mut request = Sealed::new();
    let mut put = |bytes: &[u8]| request.extend(bytes).then_some(());
    put(b"POST ")?;
    put(sender.path.as_bytes())?;
    put(b" HTTP/1.1\r\nhost: ")?;
    put(sender.name.as_bytes())?;
    put(b"\r\nauthorization: Bearer ")?;
    put(sender.token.as_bytes())?;
    put(b"\r\nidempotency-key: ")?;
    put(&hyphenated(&open.payment))?;
    put(b"\r\ncontent-type: application/x-www-form-urlencoded\r\nconnection: close\r\ncontent-length: ")?;
    put(&decimal(length as u64))?;
    put(b"\r\n\r\n")?;
    for (name, value) in fields {
        put(name)?;
        put(value)?;
    }
    Some(request)
}

fn decimal(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// A UUID in its usual form (RFC 9562 §4).
fn hyphenated(uuid: &[u8; 16]) -> [u8; 36] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let places = (0..36).filter(|place| ![8, 13, 18, 23].contains(place));
    let nibbles = uuid.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    for (place, nibble) in places.zip(nibbles) {
        text[place] = HEX[usize::from(nibble)];
    }
    text
}

#[cfg(test)]
mod tests {
    use gate::wire::{Brands, Currency};

    use super::*;

    fn open() -> Open {
        Open {
            capture: [0; 16],
            payment: *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef",
            amount_minor: 12_345,
            currency: Currency::parse("USD").unwrap(),
            year: 2026,
            month: 11,
            postal: true,
            brands: Brands::all(),
        }
    }

    fn card() -> SealedCard {
        let mut card = SealedCard::default();
        let filled = card.number.extend(b"4242424242424242") && card.expiry.extend(b"1230") && card.code.extend(b"987");
        assert!(filled && card.postal.extend(b"94107"));
        card
    }

    #[test]
    fn a_request_is_one_post_with_the_payment_as_its_idempotency_key() {
        let sender =
            Sender { name: "localhost".into(), path: "/v1/payments".into(), token: String::from("secret").into() };
        let request = write(&sender, &open(), &card()).unwrap();
        let text = std::str::from_utf8(request.expose()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /v1/payments HTTP/1.1\r\nhost: localhost\r\n"));
        assert!(head.contains("\r\nidempotency-key: 01234567-89ab-cdef-0123-456789abcdef\r\n"));
        assert!(head.contains("\r\nauthorization: Bearer secret\r\n"));
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
        assert!(body == "number=4242424242424242&expiry=1230&code=987&amount=12345&currency=USD&postal=94107");
    }

    #[test]
    fn the_longest_request_fits() {
        let sender = Sender {
            name: "n".repeat(NAME_BYTES),
            path: "p".repeat(PATH_BYTES),
            token: "t".repeat(TOKEN_BYTES).into(),
        };
        let longest = Open { amount_minor: u64::MAX, ..open() };
        assert!(write(&sender, &longest, &card()).is_some());
    }
}
