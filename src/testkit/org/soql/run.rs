//! Finds the rows of a checked statement.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::{
    View, filter, row,
    statement::{Item, Order, Statement},
};
use crate::{
    failure::Failure,
    schema::Object,
    store::{Row, Store},
};

/// Most rows that one statement finds ("SOQL and SOSL Limits": 50,000 in a transaction).
const MOST_ROWS: usize = 50_000;

/// What a statement finds.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) total: usize,
    pub(crate) records: Vec<Value>,
}

pub(super) fn run(store: &Store, object: &Object, statement: &Statement, view: View<'_>) -> Result<Found, Failure> {
    let rows = select(store, object, statement, None, view);
    if matches!(statement.items.as_slice(), [Item::Count]) {
        return Ok(Found { total: rows.len(), records: Vec::new() });
    }
    if rows.len() > MOST_ROWS {
        return Err(Failure::bad("QUERY_TOO_COMPLICATED", format!("more than {MOST_ROWS} rows")));
    }
    let records: Vec<Value> = rows.into_iter().map(|row| record(store, object, row, statement, view)).collect();
    Ok(Found { total: records.len(), records })
}

/// Rows in their order; with `parent`, those alone whose reference is to it.
fn select<'a>(
    store: &'a Store,
    object: &Object,
    statement: &Statement,
    parent: Option<(&str, &Value)>,
    view: View<'_>,
) -> Vec<&'a Row> {
    let known = match parent {
        Some((field, id)) => Some(store.with_key(&object.name, field, id)),
        None => filter::candidates(store, object, statement.condition.as_ref()),
    };
    let is_wanted = |row: &&Row| {
        let condition = statement.condition.as_ref();
        let is_met = condition.is_none_or(|condition| filter::is_met(store, object, row, condition, view.now));
        is_met && (view.with_deleted || !row.is_deleted())
    };
    let mut rows: Vec<&Row> = match known {
        Some(ids) => ids.iter().filter_map(|id| store.any_row(&object.name, id)).filter(is_wanted).collect(),
        None => store.rows(&object.name).map(|(_, row)| row).filter(is_wanted).collect(),
    };
    if !statement.orders.is_empty() {
        rows.sort_by(|one, other| order(store, object, &statement.orders, one, other));
    }
    let limit = statement.limit.unwrap_or(usize::MAX);
    rows.into_iter().skip(statement.offset).take(limit).collect()
}

fn order(store: &Store, object: &Object, orders: &[Order], one: &Row, other: &Row) -> Ordering {
    let each = orders.iter().map(|order| {
        let values = [one, other].map(|found| row::value(store, object, found, &order.path));
        let nulls = [values[0].is_null(), values[1].is_null()];
        match nulls {
            [true, true] => Ordering::Equal,
            [true, false] if order.nulls_last => Ordering::Greater,
            [true, false] => Ordering::Less,
            [false, true] if order.nulls_last => Ordering::Less,
            [false, true] => Ordering::Greater,
            [false, false] if order.is_descending => compare(&values[1], &values[0]),
            [false, false] => compare(&values[0], &values[1]),
        }
    });
    each.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

/// Instants, days and times are written so that their texts are in their order.
fn compare(one: &Value, other: &Value) -> Ordering {
    if let (Some(one), Some(other)) = (one.as_f64(), other.as_f64()) {
        return one.total_cmp(&other);
    }
    if let (Some(one), Some(other)) = (one.as_str(), other.as_str()) {
        return one.to_lowercase().cmp(&other.to_lowercase());
    }
    one.as_bool().cmp(&other.as_bool())
}

fn record(store: &Store, object: &Object, found: &Row, statement: &Statement, view: View<'_>) -> Value {
    let mut shown = Map::new();
    shown.insert("attributes".to_owned(), row::identity(object, found, view.version));
    for item in &statement.items {
        match item {
            Item::Count => {}
            Item::Path(path) => row::show(store, object, found, path, &mut shown, view.version),
            Item::Children(inner) => {
                shown.insert(inner.from.clone(), children(store, object, found, inner, view));
            }
        }
    }
    Value::Object(shown)
}

/// The answer to a sub-query; null where there are none.
fn children(store: &Store, object: &Object, found: &Row, inner: &Statement, view: View<'_>) -> Value {
    let Some(children) = object.children(&inner.from) else { return Value::Null };
    let Some(child) = store.schema.object(&children.object) else { return Value::Null };
    let rows = select(store, child, inner, Some((&children.field, found.value("Id"))), view);
    let records: Vec<Value> = rows.into_iter().map(|row| record(store, child, row, inner, view)).collect();
    if records.is_empty() { Value::Null } else { json!({"totalSize": records.len(), "done": true, "records": records}) }
}
