//! When certificates run out, as a metric.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use metrics::gauge;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::config::Config;

/// Shows for every certificate file of the configuration when the first to expire of its certificates does. The
/// label is the key that names the file. A file that cannot be read is not shown: who uses it reports it.
pub(crate) fn observe_certificates(config: &Config) {
    let api = [
        ("api.certificate", &config.api.certificate),
        ("api.client_ca", &config.api.client_ca),
        ("audit.ship_ca", &config.audit.ship_ca),
    ];
    let api = api.into_iter().filter_map(|(key, path)| Some((key.to_owned(), path.as_deref()?)));
    let authority = config.processor.authority();
    let processor = [
        ("processor.ca", authority.as_deref()),
        ("processor.client_certificate", config.processor.client_certificate.as_deref()),
    ];
    let processor = processor.into_iter().filter(|_| config.capture.enabled);
    let processor = processor.filter_map(|(key, path)| Some((key.to_owned(), path?)));
    let agents =
        config.agent.iter().filter_map(|(name, agent)| Some((format!("agent.{name}.ca"), agent.ca.as_deref()?)));
    for (key, path) in api.chain(processor).chain(agents) {
        if let Some(expiry) = first_expiry(path) {
            gauge!("tonegate_certificate_expiry_timestamp_seconds", "name" => key).set(expiry.as_second() as f64);
        }
    }
}

/// When the first of a PEM file's certificates expires.
fn first_expiry(path: &Path) -> Option<Timestamp> {
    CertificateDer::pem_file_iter(path).ok()?.filter_map(|certificate| not_after(&certificate.ok()?)).min()
}

/// `notAfter` of a certificate (RFC 5280 §4.1): the second time of `validity`, which follows the optional version, the
/// serial number, the signature algorithm and the issuer.
fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    const VERSION: u8 = 0xa0;
    let (_, certificate, _) = element(certificate)?;
    let (_, body, _) = element(certificate)?;
    let (tag, _, after_first) = element(body)?;
    let serial = if tag == VERSION { after_first } else { body };
    let (_, _, algorithm) = element(serial)?;
    let (_, _, issuer) = element(algorithm)?;
    let (_, _, validity) = element(issuer)?;
    let (_, validity, _) = element(validity)?;
    let (_, _, not_after) = element(validity)?;
    let (tag, time, _) = element(not_after)?;
    instant(tag, std::str::from_utf8(time).ok()?)
}

/// The first DER element (X.690 §8.1) of some bytes: its tag, its content and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (octets, rest) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(octets, _)| octets.len() <= 4)?;
        (octets.iter().fold(0, |length, &octet| length << 8 | usize::from(octet)), rest)
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}

/// A UTCTime or GeneralizedTime (RFC 5280 §4.1.2.5).
fn instant(tag: u8, text: &str) -> Option<Timestamp> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let full = match tag {
        UTC_TIME if text.get(..2)?.parse::<u8>().ok()? >= 50 => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32) -> rcgen::Certificate {
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.not_before = date_time_ymd(1999, 1, 1);
        parameters.not_after = date_time_ymd(year, 3, 4);
        parameters.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    #[test]
    fn both_forms_of_time_are_read() {
        for year in [2031, 2049, 2050, 2099] {
            let expected: Timestamp = format!("{year}-03-04T00:00:00Z").parse().unwrap();
            assert_eq!(not_after(certificate(year).der()), Some(expected));
        }
    }

    #[test]
    fn the_first_of_a_chain_to_expire_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("chain.pem");
        std::fs::write(&path, certificate(2040).pem() + &certificate(2030).pem()).unwrap();
        assert_eq!(first_expiry(&path), Some("2030-03-04T00:00:00Z".parse().unwrap()));
        assert_eq!(first_expiry(&directory.path().join("none.pem")), None);
    }

    #[test]
    fn bent_certificates_are_no_panic() {
        let whole = certificate(2031).der().to_vec();
        for at in 0..whole.len() {
            assert!(not_after(&whole[..at]).is_none());
            let mut bent = whole.clone();
            bent[at] = 0xff;
            not_after(&bent);
        }
    }
}
