//! `@{name.path}` in a part of a composite: what an earlier part was answered.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::failure::Failure;

/// The answers of earlier parts by their names; `None` of those that failed.
pub(super) type Answers = BTreeMap<String, Option<Value>>;

/// A text with every reference replaced.
pub(super) fn in_text(text: &str, answers: &Answers) -> Result<String, Failure> {
    let (mut rest, mut out) = (text, String::new());
    while let Some((before, reference, after)) = cut(rest) {
        out.push_str(before);
        match look_up(reference, answers)? {
            Value::String(text) => out.push_str(text),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                out.push_str(&other.to_string());
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// A body with every reference replaced; a text that is nothing else becomes the value itself.
pub(super) fn in_value(value: &Value, answers: &Answers) -> Result<Value, Failure> {
    Ok(match value {
        Value::String(text) => match cut(text) {
            Some(("", reference, "")) => look_up(reference, answers)?.clone(),
            Some(_) => Value::String(in_text(text, answers)?),
            None => value.clone(),
        },
        Value::Array(values) => values.iter().map(|value| in_value(value, answers)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let each = fields.iter().map(|(name, value)| Ok((name.clone(), in_value(value, answers)?)));
            Value::Object(each.collect::<Result<_, Failure>>()?)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// The names of the parts that a value refers to.
pub(super) fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            let mut rest = text.as_str();
            while let Some((_, reference, after)) = cut(rest) {
                found.insert(reference.split(['.', '[']).next().unwrap_or_default().to_owned());
                rest = after;
            }
        }
        Value::Array(values) => values.iter().for_each(|value| names(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| names(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What stands before a reference, in it, and after it.
fn cut(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("@{")?;
    let (reference, after) = rest.split_once('}')?;
    Some((before, reference, after))
}

fn look_up<'a>(reference: &str, answers: &'a Answers) -> Result<&'a Value, Failure> {
    let (name, path) = reference.split_once('.').unwrap_or((reference, ""));
    let unknown = || {
        let message = format!("Invalid reference specified. No value for {path} found in {name}.");
        Failure::bad("PROCESSING_HALTED", message)
    };
    let mut value = answers.get(name).and_then(Option::as_ref).ok_or_else(unknown)?;
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        value = match step.strip_suffix(']') {
            Some(place) => place.parse::<usize>().ok().and_then(|place| value.get(place)),
            None => value.get(step),
        }
        .ok_or_else(unknown)?;
    }
    Ok(value)
}
