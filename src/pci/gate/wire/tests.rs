use proptest::prelude::*;

use super::*;

fn held() -> Held {
    let token = Token::parse("pm_1NwZyI2eZvKYlo2C0abcdefg").unwrap();
    Held { brand: Brand::Amex, last_four: LastFour::parse("0005").unwrap(), token }
}

fn record() -> WipeRecord {
    WipeRecord { capture: [7; 16], cause: WipeCause::Closed, sequence: 9, unix_millis: 1_000, signature: [3; 64] }
}

fn open() -> Open {
    Open {
        capture: [1; 16],
        payment: [2; 16],
        method: Method::Card,
        amount_minor: 12_345,
        currency: Currency::parse("USD").unwrap(),
        brands: Brands::none().with(Brand::Visa).with(Brand::Canary),
        postal: Postal::Canada,
        year: 2026,
        month: 11,
        holder: Holder::parse("Ann-Marie O'Neil Jr.").unwrap(),
    }
}

/// Every message to the gateway on a capture socket, the longest token included.
fn messages() -> Vec<FromVault> {
    let longest = Held { token: Token::parse(&"x".repeat(64)).unwrap(), ..held() };
    let authorisation = Authorisation::parse("A1B2C3").unwrap();
    let mut outcomes = vec![Outcome::Unknown, Outcome::Approved(longest, authorisation), Outcome::Tokenised(held())];
    outcomes.extend(DeclineReason::ALL.iter().map(|&reason| Outcome::Declined(reason)));
    outcomes.extend(FailReason::ALL.iter().map(|&reason| Outcome::Failed(reason)));
    let mut messages: Vec<FromVault> = outcomes.into_iter().map(FromVault::Outcome).collect();
    messages.extend([FromVault::ConnectionWanted, FromVault::Wiped(record())]);
    for &step in Step::ALL {
        messages.push(FromVault::Progress { step, count: 3 });
        let retries = EntryError::ALL.iter().map(|&error| PromptReason::Retry(error));
        let reasons = [PromptReason::First, PromptReason::Cleared].into_iter().chain(retries);
        messages.extend(reasons.map(|reason| FromVault::Prompt { step, reason }));
    }
    messages
}

#[test]
fn every_message_to_the_gateway_survives_its_packet() {
    for message in messages() {
        assert_eq!(FromVault::decode(&message.encode()), Ok(message));
    }
}

#[test]
fn every_control_message_survives_its_packet() {
    let opens = Method::ALL.iter().flat_map(|&method| Postal::ALL.iter().map(move |&postal| (method, postal)));
    let opens = opens.map(|(method, postal)| ControlToVault::Open(Open { method, postal, ..open() }));
    let others = [ControlToVault::Connect { capture: [5; 16] }, ControlToVault::Ping];
    for message in opens.chain(others) {
        assert_eq!(ControlToVault::decode(&message.encode()), Ok(message));
    }
    let ready = ControlFromVault::Ready { build: [8; 32], public_key: [9; 32] };
    for message in [ready, ControlFromVault::Wiped(record()), ControlFromVault::Pong] {
        assert_eq!(ControlFromVault::decode(&message.encode()), Ok(message));
    }
}

#[test]
fn an_open_that_no_payment_can_have_is_refused() {
    let euros = Currency::parse("EUR").unwrap();
    assert!(open().is_possible() && Open { currency: euros, ..open() }.is_possible());
    for impossible in [
        Open { amount_minor: 0, ..open() },
        Open { month: 13, ..open() },
        Open { month: 0, ..open() },
        Open { year: 1999, ..open() },
        Open { method: Method::Savings, currency: euros, ..open() },
    ] {
        assert!(!impossible.is_possible(), "{impossible:?}");
    }
}

#[test]
fn each_rule_is_kept() {
    let good = FromVault::ConnectionWanted.encode();
    let changed = |index: usize, byte: u8| {
        let mut bytes = good;
        bytes[index] = byte;
        FromVault::decode(&bytes)
    };
    assert_eq!(FromVault::decode(&good[1..]), Err(WireError("wrong length or version")));
    assert_eq!(FromVault::decode(&[good, good].concat()), Err(WireError("wrong length or version")));
    assert_eq!(changed(0, VERSION + 1), Err(WireError("wrong length or version")));
    assert_eq!(changed(1, 99), Err(WireError("unknown kind or field")));
    assert_eq!(changed(PACKET_BYTES - 1, 1), Err(WireError("padding not zero")));
}

#[test]
fn only_the_twelve_keys_of_a_card_entry_travel() {
    for byte in 0..=u8::MAX {
        let wanted = byte.is_ascii_digit() || byte == b'*' || byte == b'#';
        assert_eq!(VaultInput::decode(&[VERSION, KEY, byte, 0]).is_ok(), wanted);
        assert_eq!(Keypress::new(byte).is_some(), wanted);
        let is_step = usize::from(byte) < Step::ALL.len();
        assert_eq!(VaultInput::decode(&[VERSION, PROMPT_ENDED, byte, 0]).is_ok(), is_step);
    }
    for packet in [&[VERSION, CANCEL, 1, 0][..], &[VERSION, KEY, b'1', 1], &[VERSION, 9, 0, 0], &[VERSION, CANCEL, 0]] {
        assert!(VaultInput::decode(packet).is_err());
    }
}

#[test]
fn what_is_sent_to_the_vault_is_what_it_reads() {
    let sent = |message: ToVault| {
        let mut packet = Vec::new();
        message.send(&mut packet).unwrap();
        VaultInput::decode(&packet)
    };
    let key = sent(ToVault::key(Keypress::new(b'#').unwrap()));
    assert!(matches!(key, Ok(VaultInput::Key(key)) if key.reveal_to_entry() == b'#'));
    for &step in Step::ALL {
        assert!(matches!(sent(ToVault::prompt_ended(step)), Ok(VaultInput::PromptEnded(read)) if read == step));
    }
    assert!(matches!(sent(ToVault::cancel()), Ok(VaultInput::Cancel)));
}

proptest! {
    #[test]
    fn no_packet_panics_and_what_decodes_encodes_alike(mut bytes in prop::collection::vec(0u8..12, 0..140), tidy: bool) {
        if tidy {
            bytes.resize(PACKET_BYTES, 0);
            bytes[0] = VERSION;
        }
        let _ = VaultInput::decode(&bytes);
        if let Ok(message) = ControlFromVault::decode(&bytes) {
            prop_assert_eq!(&message.encode()[..], &bytes[..]);
        }
        if let Ok(message) = ControlToVault::decode(&bytes) {
            prop_assert_eq!(&message.encode()[..], &bytes[..]);
        }
        if let Ok(message) = FromVault::decode(&bytes) {
            prop_assert_eq!(&message.encode()[..], &bytes[..]);
        }
    }
}
