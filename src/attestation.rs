//! Who attests that a trunk's line is private, in the audit chain: at start, and wherever it changes.

use backends::audit::{Details, Entry, Kind, sha256};
use jiff::Timestamp;
use uuid::Uuid;

use crate::{config::Trunk, services::Backends};

/// Records every attestation that is not as it was before.
pub(crate) fn record(backends: &Backends, before: &[Trunk], now: &[Trunk]) {
    for trunk in changed(before, now) {
        tracing::info!(trunk = trunk.name, is_attested = trunk.private_line.is_some(), "the attestation of a line");
        backends.journal.access(entry(trunk));
    }
}

/// The trunks whose attestation is another one, or is none any more.
fn changed<'a>(before: &[Trunk], now: &'a [Trunk]) -> Vec<&'a Trunk> {
    let was = |trunk: &Trunk| {
        before.iter().find(|other| other.name == trunk.name).and_then(|other| other.private_line.clone())
    };
    now.iter().filter(|trunk| was(trunk) != trunk.private_line).collect()
}

fn entry(trunk: &Trunk) -> Entry {
    let details = Details::new().text("trunk", &trunk.name).flag("attested", trunk.private_line.is_some());
    let details = match &trunk.private_line {
        // Its hash holds what the text has lost on its way.
        Some(text) => details.text("attestation", text).hash("attestation_sha256", &sha256(text.as_bytes())),
        None => details,
    };
    Entry { call: Uuid::nil(), at: Timestamp::now(), kind: Kind::LineAttested, details }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(name: &str, private_line: Option<&str>) -> Trunk {
        Trunk { name: name.to_owned(), private_line: private_line.map(str::to_owned), ..Trunk::default() }
    }

    #[test]
    fn an_attestation_is_recorded_at_start_and_where_it_changes() {
        let before =
            [trunk("a", Some("Jo Field: leased line")), trunk("b", Some("Jo Field: leased line")), trunk("c", None)];
        let now =
            [trunk("a", Some("Jo Field: leased line")), trunk("b", None), trunk("d", Some("Jo Field: cross connect"))];
        let names = |trunks: Vec<&Trunk>| trunks.iter().map(|trunk| trunk.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(changed(&[], &before)), ["a", "b"]);
        assert_eq!(names(changed(&before, &now)), ["b", "d"], "what is withdrawn is told, too");
        let text = serde_json::to_string(&entry(&before[0]).details).unwrap();
        assert!(text.contains("Jo Field: leased line") && text.contains("attestation_sha256"), "{text}");
    }
}
