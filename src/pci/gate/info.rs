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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(relay: bool, body: &[u8]) -> Option<u8> {
        key(&RawInfo::received(relay, body)?).map(|key| key.symbol())
    }

    #[test]
    fn a_relay_body_names_its_signal() {
        assert_eq!(read(true, b"Signal=5\r\nDuration=160\r\n"), Some(b'5'));
        assert_eq!(read(true, b"signal = #\nDuration = 100"), Some(b'#'));
        assert_eq!(read(true, b"Duration=100\r\nSignal=10"), Some(b'*'));
        assert_eq!(read(true, b"Signal=d"), Some(b'D'));
    }

    #[test]
    fn a_plain_body_is_the_key() {
        assert_eq!(read(false, b"7\r\n"), Some(b'7'));
        assert_eq!(read(false, b"11"), Some(b'#'));
    }

    #[test]
    fn malformed_bodies_tell_no_key() {
        for body in [&b""[..], b"Signal=", b"Signal=55", b"Signal=5\nSignal=6", b"Duration=5", b"=5", b"Signal=16"] {
            assert_eq!(read(true, body), None);
        }
        assert_eq!(read(false, b"Signal=5"), None);
        assert_eq!(read(false, &[0xff; 200]), None);
    }
}
