//! What there is to try in a configuration: each trunk, each codec it takes, each way of sending keys.

use audio::Codec;
use frame::SampleRate;
use toml::{Table, Value};

use crate::{
    phone::{Keying, Line, Protection},
    report::{INPUT, Row, Verdict},
};

/// What serves a trunk's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agent {
    /// The embedded collector, which takes answers by keypad.
    Collector,
    /// A bot behind a WebSocket.
    Stream,
    /// Nobody: callers hear themselves.
    Echo,
}

/// A trunk as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trunk {
    pub(crate) name: String,
    pub(crate) agent: Agent,
    codecs: Vec<Codec>,
    /// Whether calls in clear are taken, and protected ones.
    clear: bool,
    protected: bool,
}

impl Trunk {
    pub(crate) fn takes_clear(&self) -> bool {
        self.clear
    }

    pub(crate) fn takes_protected(&self) -> bool {
        self.protected
    }
}

/// How a card is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Card {
    /// Not at all: keys are pressed at other times only.
    Never,
    /// As its agent does it: the collector by itself, a bot by `/v1`.
    Usual,
    /// By a bot, by Twilio's `Calls/{sid}/Payments`.
    Payments,
    /// By a bot, by `/v1`: first while it reads nothing of its stream, then as usual.
    Unread,
}

/// One way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// The trunk's place in the configuration.
    pub(crate) trunk: usize,
    pub(crate) agent: Agent,
    pub(crate) line: Line,
    pub(crate) name: String,
    pub(crate) card: Card,
}

impl Way {
    /// Whether a card is taken on it.
    pub(crate) fn captures(&self) -> bool {
        self.card != Card::Never
    }
}

/// Codecs where the configuration names none.
const CODECS: [&str; 5] = ["pcmu", "pcma", "g722", "opus", "l16"];

/// The trunks of a configuration; one by default.
pub(crate) fn trunks(config: &Table) -> Vec<Trunk> {
    let tables: Vec<Table> = match config.get("trunk").and_then(Value::as_array) {
        Some(list) => list.iter().filter_map(Value::as_table).cloned().collect(),
        None => vec![Table::new()],
    };
    tables.iter().map(|table| trunk(config, table)).collect()
}

fn trunk(config: &Table, table: &Table) -> Trunk {
    let text = |key: &str, default: &str| table.get(key).and_then(Value::as_str).unwrap_or(default).to_owned();
    let agent = text("agent", "collector");
    let kind = config.get("agent").and_then(|agents| agents.get(&agent)?.get("kind")?.as_str());
    let named = table.get("codecs").and_then(Value::as_array);
    let codecs = match named {
        Some(list) => list.iter().filter_map(Value::as_str).filter_map(codec).collect(),
        None => CODECS.into_iter().filter_map(codec).collect(),
    };
    let srtp = text("srtp", "optional");
    Trunk {
        name: text("name", "local"),
        agent: match kind {
            Some("twilio-stream") => Agent::Stream,
            Some("echo") => Agent::Echo,
            Some(_) | None => Agent::Collector,
        },
        codecs,
        clear: srtp != "required",
        protected: srtp != "off",
    }
}

fn codec(name: &str) -> Option<Codec> {
    match name {
        "pcmu" => Some(Codec::Pcmu),
        "pcma" => Some(Codec::Pcma),
        "g722" => Some(Codec::G722),
        "opus" => Some(Codec::Opus(SampleRate::Hz16000)),
        "l16" => Some(Codec::L16(SampleRate::Hz16000)),
        _ => None,
    }
}

/// Every way in, trunk by trunk. `captures` says whether the configuration takes cards at all.
pub(crate) fn ways(trunks: &[Trunk], captures: bool) -> Vec<Way> {
    let mut ways = Vec::new();
    for (place, trunk) in trunks.iter().enumerate() {
        let way = |line: Line, card: Card, what: &str| {
            let name = format!("{}: {}{what}", trunk.name, told(&line));
            Way { trunk: place, agent: trunk.agent, line, name, card }
        };
        let lines = lines(trunk);
        for &line in &lines {
            match trunk.agent {
                Agent::Stream => ways.push(way(line, if captures { Card::Usual } else { Card::Never }, "")),
                Agent::Echo => ways.push(way(line, Card::Never, "")),
                // The collector takes a first 9 for a wish to be left alone. So cards are keyed to it in other calls.
                Agent::Collector => {
                    ways.push(way(line, Card::Never, ", outside a capture"));
                    ways.extend(captures.then(|| way(line, Card::Usual, ", in a capture")));
                }
            }
        }
        if let (Agent::Stream, true, [events, tones, ..]) = (trunk.agent, captures, lines.as_slice()) {
            ways.push(way(*events, Card::Payments, ", by Calls/{sid}/Payments"));
            ways.push(way(*tones, Card::Unread, ", the bot not reading"));
        }
    }
    ways
}

/// The carrier that takes cards itself, where the configuration has one do so.
pub(crate) fn carrier(config: &Table) -> Option<&str> {
    let by = config.get("capture").and_then(|capture| capture.get("by")?.as_str());
    by.filter(|by| *by != "vault")
}

/// Whether the carrier takes cards, and something stands in for it.
pub(crate) fn is_carried(config: &Table) -> bool {
    carrier(config) == Some("twilio")
}

/// What of the configuration, or of the field, is no way in here, and why.
pub(crate) fn untried(config: &Table, captures: bool) -> Vec<Row> {
    let why = "the gateway has no such leg: sound and keys come in by SIP and RTP alone";
    let mut rows = vec![Row::new(INPUT, "a carrier's media stream", Verdict::Note, why)];
    if let Some(carrier) = carrier(config).filter(|_| captures && !is_carried(config)) {
        let why = format!(
            "{carrier} takes the keys on its own machines, and none stands in for it: the mute meanwhile, and that keys which \
             still come here are dropped, were not tried"
        );
        rows.push(Row::not_searched(INPUT, "a card that the carrier takes", why));
    }
    rows
}

/// Every codec with events and with tones, in clear where that is taken; keys as messages and every kind of SRTP on the first
/// codec. It begins with events and with tones on that one.
fn lines(trunk: &Trunk) -> Vec<Line> {
    let Some(&first) = trunk.codecs.first() else { return Vec::new() };
    let usual = if trunk.clear { Protection::None } else { Protection::Described };
    let line = |codec: Codec, keying: Keying, protection: Protection| Line { codec, keying, protection };
    let mut lines = Vec::new();
    for &codec in &trunk.codecs {
        lines.extend([Keying::Events, Keying::Tones].map(|keying| line(codec, keying, usual)));
    }
    lines.extend([Keying::InfoRelay, Keying::Info].map(|keying| line(first, keying, usual)));
    let protected = [Protection::Described, Protection::Handshake].into_iter().filter(|kind| *kind != usual);
    for kind in protected.filter(|_| trunk.protected) {
        lines.extend([Keying::Events, Keying::Tones].map(|keying| line(first, keying, kind)));
    }
    lines
}

fn told(line: &Line) -> String {
    let keys = match line.keying {
        Keying::Events => format!("telephone-event/{}", line.codec.clock_hertz()),
        Keying::Tones => "tones".to_owned(),
        Keying::InfoRelay => "INFO dtmf-relay".to_owned(),
        Keying::Info => "INFO dtmf".to_owned(),
    };
    let protection = match line.protection {
        Protection::None => "",
        Protection::Described => " in SRTP",
        Protection::Handshake => " in SRTP by DTLS",
    };
    format!("{keys} with {}{protection}", line.codec.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str, captures: bool) -> Vec<String> {
        ways(&trunks(&text.parse().unwrap()), captures).into_iter().map(|way| way.name).collect()
    }

    #[test]
    fn an_empty_configuration_has_every_codec_and_every_way() {
        let names = named("", true);
        // Five codecs twice, two kinds of INFO, two in each kind of SRTP; each outside a capture and in one.
        assert_eq!(names.len(), 2 * (5 * 2 + 2 + 2 * 2));
        for name in ["telephone-event/48000 with opus, in a capture", "tones with PCMU in SRTP by DTLS, in a capture"] {
            assert!(names.contains(&format!("local: {name}")), "{names:?}");
        }
        assert_eq!(named("", false).len(), 16);
    }

    #[test]
    fn what_cannot_be_tried_is_told_and_is_no_pass() {
        let verdicts = |text: &str, captures: bool| -> Vec<Verdict> {
            untried(&text.parse().unwrap(), captures).iter().map(|row| row.verdict).collect()
        };
        assert_eq!(verdicts("", true), [Verdict::Note]);
        assert_eq!(verdicts("[capture]\nby = \"vault\"", true), [Verdict::Note]);
        assert_eq!(verdicts("[capture]\nby = \"twilio\"", true), [Verdict::Note]);
        assert_eq!(verdicts("[capture]\nby = \"telnyx\"", true), [Verdict::Note, Verdict::NotSearched]);
        assert_eq!(verdicts("[capture]\nby = \"telnyx\"", false), [Verdict::Note]);
    }

    #[test]
    fn a_trunk_is_tried_as_it_is() {
        let text = "[agent.bot]\nkind = \"twilio-stream\"\n[[trunk]]\nname = \"a\"\nagent = \"bot\"\nsrtp = \"required\"\n\
                    codecs = [\"pcma\"]\n[[trunk]]\nname = \"b\"\nsrtp = \"off\"\ncodecs = [\"pcmu\"]\n";
        let names = named(text, true);
        let of_a = ["telephone-event/8000", "tones", "INFO dtmf-relay", "INFO dtmf"]
            .map(|keys| format!("a: {keys} with PCMA in SRTP"))
            .into_iter()
            .chain(["telephone-event/8000", "tones"].map(|keys| format!("a: {keys} with PCMA in SRTP by DTLS")))
            .chain([
                "a: telephone-event/8000 with PCMA in SRTP, by Calls/{sid}/Payments".to_owned(),
                "a: tones with PCMA in SRTP, the bot not reading".to_owned(),
            ]);
        assert_eq!(names[..8], of_a.collect::<Vec<_>>());
        assert!(names[8..].iter().all(|name| name.starts_with("b: ") && !name.contains("SRTP")), "{names:?}");
        assert_eq!(named(text, false).len(), 6 + 4, "without captures there is nothing to ask for");
    }
}
