//! Ids of records: three characters that say the object, twelve of a number, and three that say which letters are capitals
//! (Salesforce help, 000385585).

/// Digits of an id's number.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The characters of a suffix by the five bits that they stand for.
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const SHORT: usize = 15;
const LONG: usize = 18;
/// What stands between the prefix and the number: the instance, in an org of Salesforce's.
const INSTANCE: &str = "Tg";

/// The id of 18 characters with this number.
pub(crate) fn numbered(prefix: &str, mut number: u64) -> String {
    let mut digits = [b'0'; SHORT - 5];
    for place in digits.iter_mut().rev() {
        *place = DIGITS[usize::try_from(number % 62).unwrap_or_default()];
        number /= 62;
    }
    let short: String = prefix.chars().chain(INSTANCE.chars()).chain(digits.map(char::from)).collect();
    with_suffix(&short)
}

/// An id in its long form, where the text is one.
pub(crate) fn long(text: &str) -> Option<String> {
    let is_id = matches!(text.len(), SHORT | LONG) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let id = with_suffix(text.get(..SHORT).filter(|_| is_id)?);
    (text.len() == SHORT || id.eq_ignore_ascii_case(text)).then_some(id)
}

fn with_suffix(short: &str) -> String {
    let block = |block: &[u8]| {
        let bits = block.iter().enumerate().map(|(place, byte)| usize::from(byte.is_ascii_uppercase()) << place);
        char::from(SUFFIX[bits.sum::<usize>() % SUFFIX.len()])
    };
    short.chars().chain(short.as_bytes().chunks(5).map(block)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_published_suffix_and_are_known_again() {
        assert_eq!(long("001000000000000").as_deref(), Some("001000000000000AAA"));
        assert_eq!(long("a0B5g00000Ab1cD").as_deref(), Some("a0B5g00000Ab1cDEAR"));
        let id = numbered("a00", 61 + 62);
        assert_eq!((id.len(), &id[..15]), (18, "a00Tg000000001z"));
        assert_eq!(long(&id[..15]), Some(id.clone()));
        assert_eq!(long(&id.replace("IAA", "IAB")), None);
        assert_eq!(long("a00'"), None);
    }
}
