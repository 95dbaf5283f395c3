use proptest::prelude::*;

use super::*;

const TOKEN: &str = "tok_abcdefghijklmnopqrstuvwx";

fn record() -> WipeRecord {
    WipeRecord { capture: [7; 16], cause: WipeCause::Closed, sequence: 9, unix_millis: 1_000, signature: [3; 64] }
}

fn approval() -> Approval {
    Approval {
        token: Token::parse(TOKEN).unwrap(),
        brand: Brand::Amex,
        last_four: LastFour::parse("0005").unwrap(),
        authorisation: Authorisation::parse("A1B2C3").unwrap(),
    }
}

fn open() -> Open {
    Open {
        capture: [1; 16],
        payment: [2; 16],
        amount_minor: 12_345,
        currency: Currency::parse("USD").unwrap(),
        year: 2026,
        month: 11,
        postal: true,
        brands: Brands::none().with(Brand::Visa).with(Brand::Canary),
    }
}

#[test]
fn every_message_to_the_gateway_survives_its_packet() {
    let mut messages = vec![
        FromVault::ConnectionWanted,
        FromVault::Wiped(record()),
        FromVault::Outcome(Outcome::Unknown),
        FromVault::Outcome(Outcome::Approved(approval())),
    ];
    messages.extend(DeclineReason::ALL.iter().map(|&reason| FromVault::Outcome(Outcome::Declined(reason))));
    messages.extend(FailReason::ALL.iter().map(|&reason| FromVault::Outcome(Outcome::Failed(reason))));
    for &step in Step::ALL {
        messages.push(FromVault::Progress { step, count: 3 });
        messages.push(FromVault::Prompt { step, reason: PromptReason::First });
        messages.push(FromVault::Prompt { step, reason: PromptReason::Cleared });
    }
    for &error in EntryError::ALL {
        messages.push(FromVault::Prompt { step: Step::Number, reason: PromptReason::Retry(error) });
    }
    for message in messages {
        assert_eq!(FromVault::decode(&message.encode()), Ok(message));
    }
}

#[test]
fn every_control_message_survives_its_packet() {
    for message in [ControlToVault::Open(open()), ControlToVault::Connect { capture: [5; 16] }, ControlToVault::Ping] {
        assert_eq!(ControlToVault::decode(&message.encode()), Ok(message));
    }
    let ready = ControlFromVault::Ready { build: [8; 32], public_key: [9; 32] };
    for message in [ready, ControlFromVault::Wiped(record()), ControlFromVault::Pong] {
        assert_eq!(ControlFromVault::decode(&message.encode()), Ok(message));
    }
}

#[test]
fn an_open_that_no_payment_can_have_is_refused() {
    let free = Open { amount_minor: 0, ..open() };
    let dateless = Open { month: 13, ..open() };
    for bad in [free, dateless] {
        assert_eq!(ControlToVault::decode(&ControlToVault::Open(bad).encode()), Err(WireError::Value));
    }
}

#[test]
fn each_rule_has_its_error() {
    let good = FromVault::ConnectionWanted.encode();
    let changed = |index: usize, byte: u8| {
        let mut bytes = good;
        bytes[index] = byte;
        FromVault::decode(&bytes)
    };
    assert_eq!(FromVault::decode(&good[1..]), Err(WireError::Length));
    assert_eq!(changed(0, VERSION + 1), Err(WireError::Version));
    assert_eq!(changed(1, 99), Err(WireError::Kind));
    assert_eq!(changed(FROM_VAULT_BYTES - 1, 1), Err(WireError::Padding));
}

#[test]
fn only_the_twelve_keys_of_a_card_entry_travel() {
    for byte in 0..=u8::MAX {
        let wanted = byte.is_ascii_digit() || byte == b'*' || byte == b'#';
        assert_eq!(VaultInput::decode(&[VERSION, KEY, byte, 0]).is_ok(), wanted);
        assert_eq!(Keypress::new(byte).is_some(), wanted);
    }
}

#[test]
fn a_key_sent_is_the_key_read() {
    let mut packet = Vec::new();
    ToVault::key(Keypress::new(b'#').unwrap()).send(&mut packet).unwrap();
    assert!(matches!(VaultInput::decode(&packet), Ok(VaultInput::Key(key)) if key.reveal_to_entry() == b'#'));
}

#[test]
fn a_token_that_could_hide_a_card_is_refused() {
    assert!(Token::parse(TOKEN).is_ok());
    assert!(Token::parse("tok_222233334444555abcdefghi").is_err());
    assert!(Token::parse("tok_22223333444abcdefghijklm").is_ok());
    assert!(Token::parse("tok_ABCDEFGHIJKLMNOPQRSTUVWX").is_err());
    assert!(Token::parse("tok_abc").is_err());
    assert!(LastFour::parse("12a4").is_err() && LastFour::parse("12345").is_err());
}

proptest! {
    #[test]
    fn no_packet_panics_and_what_decodes_encodes_alike(mut bytes in prop::collection::vec(0u8..12, 0..140), tidy: bool) {
        if tidy {
            bytes.resize(FROM_VAULT_BYTES, 0);
            bytes[0] = VERSION;
        }
        let _ = VaultInput::decode(&bytes);
        let _ = ControlFromVault::decode(&bytes);
        if let Ok(message) = ControlToVault::decode(&bytes) {
            prop_assert_eq!(&message.encode()[..], &bytes[..]);
        }
        if let Ok(message) = FromVault::decode(&bytes) {
            prop_assert_eq!(&message.encode()[..], &bytes[..]);
        }
    }
}
