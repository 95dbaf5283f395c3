//! Keys in the bodies of SIP INFO requests: `application/dtmf-relay` and `application/dtmf`.

use frame::RawInfo;

use crate::key::Key;

/// The key of a body, or `None` where it is malformed or tells no key.
pub(crate) fn key(info: &RawInfo) -> Option<Key> {
    if !info.is_relay() {
        return signal(info.body());
    }
    let mut signals = info.body().split(|&byte| byte == b'\r' || byte == b'\n').filter_map(|line| {
        let equals = line.iter().position(|&byte| byte == b'=')?;
        line[..equals].trim_ascii().eq_ignore_ascii_case(b"signal").then(|| &line[equals + 1..])
    });
    let only = signals.next()?;
    if signals.next().is_some() { None } else { signal(only) }
}

/// One symbol, or the number of an event: `10` is star and `11` is hash (RFC 4733 §3.2).
fn signal(text: &[u8]) -> Option<Key> {
    match text.trim_ascii() {
        [symbol] => Key::from_symbol(*symbol),
        [b'1', unit @ b'0'..=b'5'] => Key::from_code(10 + unit - b'0'),
        _ => None,
    }
}
