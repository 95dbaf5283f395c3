//! The data flow of one configuration, as a Mermaid flowchart: where sound and keys come in, where each goes, and where cards do.

use toml::Table;

use crate::{
    instance::live_processor,
    plan::{self, Agent, Trunk},
};

/// The flowchart.
pub(super) fn mermaid(config: &Table, trunks: &[Trunk]) -> String {
    let flag =
        |section: &str, key: &str| config.get(section).and_then(|table| table.get(key)?.as_bool()).unwrap_or(true);
    let text = |section: &str, key: &str| config.get(section).and_then(|table| table.get(key)?.as_str());
    let mut lines = vec!["flowchart LR".to_owned()];
    for (place, trunk) in trunks.iter().enumerate() {
        lines.push(format!("  carrier{place}[\"trunk {}\"]", label(&trunk.name)));
        lines.push(format!("  carrier{place} -->|\"{}\"| rtp", protection(trunk)));
        lines.push(format!("  carrier{place} -->|\"SIP: INFO bodies\"| sip"));
        let (agent, what) = agent(trunk.agent);
        lines.push(format!("  gate -->|\"clean sound, exact silence in captures\"| {agent}{place}[\"{what}\"]"));
        lines.push(format!("  gate -->|\"at most 8 keys outside captures\"| {agent}{place}"));
    }
    lines.push("  subgraph gateway[\"tonegate serve: in PCI scope\"]".to_owned());
    lines.push("    rtp[\"rtp: order, decode\"] -->|\"undecided sound, events\"| gate[\"gate\"]".to_owned());
    lines.push("    sip[\"sip\"] -->|\"undecided bodies\"| gate".to_owned());
    lines.push("  end".to_owned());
    if flag("recording", "enabled") {
        let sealed = if text("recording", "seal_to").is_some() { "sealed" } else { "in clear" };
        lines.push(format!("  gate -->|\"clean sound\"| recorder[(\"recordings, {sealed}\")]"));
    }
    lines.push(
        "  gate -->|\"counts and steps, no keys\"| records[(\"store, account book, audit, log, metrics\")]".to_owned(),
    );
    if flag("capture", "enabled") && plan::carrier(config).is_some() {
        lines.push("  gate -->|\"which field is wanted, no keys\"| taker[\"the carrier's payments\"]".to_owned());
        lines.push("  taker -->|\"steps, brand and last four\"| gate".to_owned());
    } else if flag("capture", "enabled") {
        let named = live_processor(config).map(|kind| text("processor", "name").unwrap_or(kind));
        let processor = named.unwrap_or("sandbox processor");
        lines.push("  gate ==>|\"one key at a time\"| vault[\"tonegate-vault: in PCI scope\"]".to_owned());
        lines.push(format!("  vault ==>|\"card, over TLS\"| processor[\"{}\"]", label(processor)));
        lines.push("  vault -->|\"progress, brand, last four, token, signed wipe\"| gate".to_owned());
    }
    lines.join("\n") + "\n"
}

/// A name as it may stand between quotation marks.
fn label(name: &str) -> String {
    name.chars().filter(|character| !matches!(character, '"' | '\n' | '<' | '>')).collect()
}

fn protection(trunk: &Trunk) -> &'static str {
    match (trunk.takes_clear(), trunk.takes_protected()) {
        (true, true) => "RTP or SRTP: sound, telephone-events",
        (true, false) => "RTP in clear: sound, telephone-events",
        (false, _) => "SRTP: sound, telephone-events",
    }
}

fn agent(agent: Agent) -> (&'static str, &'static str) {
    match agent {
        Agent::Collector => ("collector", "embedded collector, with local speech"),
        Agent::Stream => ("bot", "bot, over a WebSocket"),
        Agent::Echo => ("echo", "echo"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::trunks;

    #[test]
    fn what_is_configured_is_drawn_and_nothing_else() {
        let config: Table =
            "[[trunk]]\nname = \"carrier \\\"a\\\"\"\nsrtp = \"required\"\n[recording]\nenabled = false\n\
                             [processor]\nkind = \"tokeniser\"\nname = \"pay.example.com\"\n"
                .parse()
                .unwrap();
        let text = mermaid(&config, &trunks(&config));
        assert!(text.starts_with("flowchart LR\n") && text.contains("[\"trunk carrier a\"]"), "{text}");
        assert!(
            text.contains("pay.example.com") && text.contains("SRTP: sound") && !text.contains("recordings"),
            "{text}"
        );
        assert!(!mermaid(&"[capture]\nenabled = false".parse().unwrap(), &[]).contains("vault"));
        let carried = mermaid(&"[capture]\nby = \"telnyx\"".parse().unwrap(), &[]);
        assert!(carried.contains("the carrier's payments") && !carried.contains("vault"), "{carried}");
    }
}
