//! Keys as labels: a metric that counts single keys shows which digits a number has, if not their order. And how many recordings
//! there must be.

/// Labels whose values are numbers for another reason: bounds of buckets, quantiles, media threads.
const NUMBERED: [&str; 3] = ["le", "quantile", "shard"];

/// The metrics of a scrape that have a single key as the value of a label, with that label.
pub(crate) fn keyed(scrape: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in scrape.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = line.split_once('{') else { continue };
        let labels = rest.rsplit_once('}').map_or(rest, |(labels, _)| labels);
        for (label, value) in labels.split("\",").filter_map(|pair| pair.split_once("=\"")) {
            let is_key = matches!(value.trim_end_matches('"').as_bytes(), [b'0'..=b'9' | b'*' | b'#']);
            let named = format!("{name}{{{label}}}");
            if is_key && !NUMBERED.contains(&label) && !found.contains(&named) {
                found.push(named);
            }
        }
    }
    found
}

/// Recordings that were finished and kept.
pub(crate) fn recordings(scrape: &str) -> usize {
    let kept = |line: &str| {
        let (labels, count) = line.strip_prefix("tonegate_recordings_total{")?.rsplit_once("} ")?;
        let is_kept = ["result=\"whole\"", "result=\"gaps\""].iter().any(|result| labels.contains(result));
        is_kept.then(|| count.trim().parse::<usize>().ok())?
    };
    scrape.lines().filter_map(kept).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_counted_and_what_could_not_be_is_not() {
        let scrape = "tonegate_recordings_total{result=\"whole\"} 26\ntonegate_recordings_total{result=\"gaps\"} 1\n\
                      tonegate_recordings_total{result=\"failed\"} 3\ntonegate_recordings_total_other 4\n";
        assert_eq!((recordings(scrape), recordings("")), (27, 0));
    }

    #[test]
    fn a_key_is_no_label() {
        let scrape = "# HELP x y\nkeys_total{trunk=\"local\",key=\"7\"} 3\nkeys_total{trunk=\"local\",key=\"1\"} 3\n\
                      lag_bucket{shard=\"0\",le=\"5\"} 9\nanswers{status=\"200\"} 2\nup 1\n";
        assert_eq!(keyed(scrape), ["keys_total{key}"]);
    }
}
