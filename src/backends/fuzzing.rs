//! What is fuzzed of the back ends (`fuzz/README.md`).

use std::time::{Duration, Instant};

use ::book::{
    queue::{Assignment, Change},
    salesforce::{EventField, Mapping, Profile, event},
    vetting::vet,
};
use audio::Generation;
use serde_json::json;
use uuid::Uuid;

use crate::audit::{Checkpoint, Note, believe, split};
use crate::bot::{Identity, Said, Stream};
use crate::control::Approval;
use crate::salesforce::events::EventSchema;

#[cfg(test)]
#[path = "../../fuzz/shared/replay.rs"]
mod replay;

/// What ends one message and begins the next: the record separator of ASCII.
const SEPARATOR: u8 = 0x1e;

/// What a bot says on its stream, and what happens between. Every message means something or is warned about, and a
/// stream's generations only grow.
pub fn bot_message(bytes: &[u8]) {
    let mut stream = Stream::new(Identity::new(Uuid::nil(), Uuid::nil()));
    let mut now = Instant::now();
    let mut newest = Generation(0);
    for record in bytes.split(|&byte| byte == SEPARATOR) {
        let Some((step, rest)) = record.split_first() else { continue };
        let said = match step {
            b'B' => {
                stream.handle_binary();
                None
            }
            b'H' => {
                newest = Generation(newest.0 + 1);
                stream.hush(now, newest);
                None
            }
            b'W' => {
                now += Duration::from_millis(rest.len() as u64 * 100);
                None
            }
            _ => std::str::from_utf8(rest).ok().and_then(|text| stream.handle_text(now, text)),
        };
        let warnings = std::iter::from_fn(|| stream.poll_warning()).count();
        assert!(warnings <= 2, "{warnings} warnings of one message");
        match said {
            Some(Said::Audio { generation, samples }) => {
                assert!(generation <= newest && samples.len() <= rest.len(), "no more samples than came");
            }
            Some(Said::Mark(name)) => {
                let echo: serde_json::Value = serde_json::from_str(&stream.mark(&name)).expect("JSON");
                assert!(echo["mark"]["name"] == name.as_str(), "the bot's own mark");
            }
            Some(Said::Clear(generation)) => {
                assert!(generation > Generation(0) && generation >= newest, "a clear begins anew");
                newest = generation;
            }
            None => {}
        }
    }
}

/// Files of checkpoints, and approvals. Every byte is in a note or in a cut end, nobody's signature is believed, and what reads as a
/// checkpoint or an approval is written as it was read.
pub fn signed_note(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (notes, is_cut) = split(&text);
    let whole: usize = notes.iter().map(|(_, note)| note.len()).sum();
    assert!(is_cut == (whole < text.len()), "{whole} of {} bytes", text.len());
    for (_, note) in notes {
        assert!(believe("fuzzed", note, &[]).is_err(), "nobody signed it");
        let Ok(note) = Note::parse(note) else { continue };
        let checkpoint = Checkpoint::parse(note.text).map(|checkpoint| checkpoint.text());
        let approval = Approval::parse(note.text).map(|approval| approval.text());
        assert!(checkpoint.iter().chain(&approval).all(|written| written == note.text), "written as it was read");
    }
}

/// What processors answer to the gateway.
pub fn processor_reading(bytes: &[u8]) {
    crate::processor::fuzzing::read(bytes);
}

/// The output of the programs that hear and speak.
pub fn speech_engine(bytes: &[u8]) {
    crate::speech::fuzzing::read(bytes);
}

/// Sealed recordings, as they were written and otherwise.
pub fn sealed_recording(bytes: &[u8]) {
    crate::recorder::fuzzing::read(bytes);
}

/// An event of assignments as an org publishes it. Its first two bytes say how long the schema before it is; with none it is of
/// the schema of the mapping's event. It is read to its end or not at all, and what is read can be kept.
pub fn salesforce_event(bytes: &[u8]) {
    let Some((length, rest)) = bytes.split_first_chunk() else { return };
    let Some((given, payload)) = rest.split_at_checked(u16::from_be_bytes(*length).into()) else { return };
    let mapping = Profile::CollectXpert.mapping(None).expect("what comes with the gateway");
    let schema = if given.is_empty() { event_schema(&mapping) } else { String::from_utf8_lossy(given).into_owned() };
    let Ok(schema) = EventSchema::parse(&schema) else { return };
    let Ok(record) = schema.decode(payload) else { return };
    let longer = [payload, &[0]].concat();
    assert!(schema.decode(&longer).is_err(), "it ends where it ends");
    if let Ok(Change::Assign(assignment)) = event::read(&mapping, &record) {
        let text = serde_json::to_string(&*assignment).expect("JSON");
        assert!(serde_json::from_str::<Assignment>(&text).is_ok_and(|kept| kept == *assignment));
        assert!(vet(&*assignment).is_ok_and(|vetted| vetted.json == text));
    }
}

/// The schema of the mapping's event, as an org writes it.
fn event_schema(mapping: &Mapping) -> String {
    let event = mapping.event().expect("what comes with the gateway");
    let mut fields = vec![json!({"name": "CreatedDate", "type": "long"})];
    for field in EventField::ALL {
        let kind = match field {
            EventField::NotBefore | EventField::NotAfter => "long",
            EventField::Priority | EventField::MaxInstalments | EventField::MinPayment => "double",
            EventField::Assignment
            | EventField::Account
            | EventField::Action
            | EventField::Strategy
            | EventField::Phone
            | EventField::Language
            | EventField::TimeZone => "string",
        };
        let name = event.field(field).map(ToString::to_string);
        fields.push(json!({"name": name, "type": ["null", kind], "default": null}));
    }
    json!({"type": "record", "name": "Event__e", "fields": fields}).to_string()
}

#[cfg(test)]
mod tests {
    super::replay::replay!(
        bot_message,
        processor_reading,
        sealed_recording,
        signed_note,
        speech_engine,
        salesforce_event
    );
}
