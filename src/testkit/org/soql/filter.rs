//! Whether a row fulfils a condition. Texts are compared whatever their case, as Salesforce does.

use std::{cmp::Ordering, collections::BTreeSet};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use super::{
    literal::Literal,
    row,
    statement::{Condition, Operator},
};
use crate::{
    schema::Object,
    store::{Row, Store, parse_date, parse_instant, parse_time},
};

pub(super) fn is_met(store: &Store, object: &Object, found: &Row, condition: &Condition, now: Timestamp) -> bool {
    let value = |path: &[String]| row::value(store, object, found, path);
    match condition {
        Condition::All(all) => all.iter().all(|one| is_met(store, object, found, one, now)),
        Condition::Any(all) => all.iter().any(|one| is_met(store, object, found, one, now)),
        Condition::Not(one) => !is_met(store, object, found, one, now),
        Condition::Compare(path, operator, literal) => compare(&value(path), *operator, literal, now),
        Condition::OneOf { path, is_not, values } => {
            let value = value(path);
            values.iter().any(|literal| compare(&value, Operator::Is, literal, now)) != *is_not
        }
        Condition::Includes { path, is_not, values } => includes(&value(path), values) != *is_not,
    }
}

/// The rows that can fulfil a condition, where an index knows them.
pub(super) fn candidates(store: &Store, object: &Object, condition: Option<&Condition>) -> Option<BTreeSet<String>> {
    let found = |path: &[String], literal: &Literal| {
        let [name] = path else { return None };
        let Literal::Text(text) = literal else { return None };
        if name == "Id" {
            return Some(BTreeSet::from([text.clone()]));
        }
        let field = object.field(name).filter(|field| field.is_indexed())?;
        Some(store.with_key(&object.name, &field.name, &Value::from(text.as_str())))
    };
    match condition? {
        Condition::Compare(path, Operator::Is, literal) => found(path, literal),
        Condition::OneOf { path, is_not: false, values } => {
            let sets: Option<Vec<_>> = values.iter().map(|literal| found(path, literal)).collect();
            Some(sets?.into_iter().flatten().collect())
        }
        Condition::All(all) => all.iter().find_map(|one| candidates(store, object, Some(one))),
        Condition::Any(all) => {
            let sets: Option<Vec<_>> = all.iter().map(|one| candidates(store, object, Some(one))).collect();
            Some(sets?.into_iter().flatten().collect())
        }
        Condition::Compare(..) | Condition::OneOf { .. } | Condition::Includes { .. } | Condition::Not(_) => None,
    }
}

fn compare(value: &Value, operator: Operator, literal: &Literal, now: Timestamp) -> bool {
    if value.is_null() || *literal == Literal::Null {
        let is_same = value.is_null() && *literal == Literal::Null;
        return match operator {
            Operator::Is => is_same,
            Operator::IsNot => !is_same,
            Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast | Operator::Like => false,
        };
    }
    if operator == Operator::Like {
        return matches!((value, literal), (Value::String(text), Literal::Text(pattern)) if like(text, pattern));
    }
    let Some(order) = order(value, literal, now) else { return operator == Operator::IsNot };
    match operator {
        Operator::Is => order.is_eq(),
        Operator::IsNot => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::AtMost => order.is_le(),
        Operator::More => order.is_gt(),
        Operator::AtLeast => order.is_ge(),
        Operator::Like => false,
    }
}

fn order(value: &Value, literal: &Literal, now: Timestamp) -> Option<Ordering> {
    match literal {
        Literal::Null => None,
        Literal::Bool(other) => Some(value.as_bool()?.cmp(other)),
        Literal::Number(other) => value.as_f64()?.partial_cmp(other),
        Literal::Text(other) => Some(value.as_str()?.to_lowercase().cmp(&other.to_lowercase())),
        Literal::Instant(other) => Some(parse_instant(value.as_str()?)?.cmp(other)),
        Literal::Time(other) => Some(parse_time(value.as_str()?)?.cmp(other)),
        Literal::Range(range) => {
            let (first, after) = range.days(now)?;
            let text = value.as_str()?;
            let day = parse_instant(text).map(|instant| instant.to_zoned(TimeZone::UTC).date());
            let day = day.or_else(|| parse_date(text))?;
            Some(if day < first {
                Ordering::Less
            } else if day >= after {
                Ordering::Greater
            } else {
                Ordering::Equal
            })
        }
    }
}

/// `%` is any text, `_` any character, and a backslash takes that from either.
fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let mut parts = Vec::new();
    let mut characters = pattern.chars().flat_map(char::to_lowercase);
    while let Some(character) = characters.next() {
        parts.push(match character {
            '\\' => Part::Exactly(characters.next().unwrap_or('\\')),
            '%' => Part::AnyText,
            '_' => Part::AnyCharacter,
            other => Part::Exactly(other),
        });
    }
    // Which places of the text can be reached after each part.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in parts {
        let mut next = vec![false; text.len() + 1];
        for at in (0..=text.len()).filter(|&at| reached[at]) {
            match part {
                Part::AnyText => next[at..].fill(true),
                Part::AnyCharacter if at < text.len() => next[at + 1] = true,
                Part::Exactly(wanted) if text.get(at) == Some(&wanted) => next[at + 1] = true,
                Part::AnyCharacter | Part::Exactly(_) => {}
            }
            if part == Part::AnyText {
                break;
            }
        }
        reached = next;
    }
    reached[text.len()]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Exactly(char),
    AnyCharacter,
    AnyText,
}

/// Whether one of the combinations is chosen: `('A;B', 'C')` is A and B, or C.
fn includes(value: &Value, values: &[Literal]) -> bool {
    let chosen: Vec<String> = value.as_str().unwrap_or_default().split(';').map(str::to_lowercase).collect();
    values.iter().any(|literal| {
        matches!(literal, Literal::Text(text) if text.to_lowercase().split(';').all(|one| chosen.iter().any(|own| own == one)))
    })
}
