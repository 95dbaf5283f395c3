use frame::RawInfo;

use crate::info::key;

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
