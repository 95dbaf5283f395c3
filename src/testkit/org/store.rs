//! The rows of an org. What is written can be taken back: every change is noted until its transaction ends.

mod index;
mod links;
mod trouble;
mod value;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use self::index::Index;
use crate::{
    failure::Failure,
    id,
    schema::{Object, Schema},
};

pub use trouble::{RowTrouble, Step};
pub(crate) use value::{instant_text, parse_date, parse_instant, parse_time};

/// Most rows of an org: more than any test writes.
const MOST_ROWS: usize = 1_000_000;

/// A row. A field that it has not is null.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) fields: BTreeMap<String, Value>,
}

impl Row {
    pub(crate) fn value(&self, field: &str) -> &Value {
        self.fields.get(field).unwrap_or(&Value::Null)
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.value("IsDeleted") == &Value::Bool(true)
    }
}

/// The rows of one object, by id: ids grow, so in the order in which they came.
#[derive(Default)]
struct Table {
    rows: BTreeMap<String, Row>,
    index: Index,
}

/// What there was before a change.
struct Before {
    object: String,
    id: String,
    row: Option<Row>,
}

/// Every row of an org.
pub(crate) struct Store {
    pub(crate) schema: Schema,
    tables: BTreeMap<String, Table>,
    journal: Vec<Before>,
    last_number: u64,
    pub(crate) user: String,
    pub(crate) is_read_only: bool,
    pub(crate) troubles: Vec<RowTrouble>,
}

impl Store {
    pub(crate) fn new(schema: Schema, user: String) -> Self {
        let tables = schema.objects().map(|object| (object.name.clone(), Table::default())).collect();
        let (journal, troubles) = (Vec::new(), Vec::new());
        Self { schema, tables, journal, last_number: 0, user, is_read_only: false, troubles }
    }

    /// The object of this name.
    pub(crate) fn object(&self, name: &str) -> Result<Object, Failure> {
        self.schema.object(name).cloned().ok_or_else(Failure::not_found)
    }

    /// A row that is not deleted.
    pub(crate) fn row(&self, object: &str, id: &str) -> Option<&Row> {
        self.any_row(object, id).filter(|row| !row.is_deleted())
    }

    /// A row, or what is left of it.
    pub(crate) fn any_row(&self, object: &str, id: &str) -> Option<&Row> {
        self.tables.get(object)?.rows.get(id)
    }

    /// Every row of an object with its id, in the order in which they came.
    pub(crate) fn rows<'a>(&'a self, object: &str) -> impl Iterator<Item = (&'a String, &'a Row)> + use<'a> {
        self.tables.get(object).into_iter().flat_map(|table| &table.rows)
    }

    /// How many rows there are, deleted ones included.
    pub(crate) fn size(&self) -> usize {
        self.tables.values().map(|table| table.rows.len()).sum()
    }

    /// The ids of the rows with this value in an indexed field, whatever its case.
    pub(crate) fn with_key(&self, object: &str, field: &str, value: &Value) -> BTreeSet<String> {
        self.tables.get(object).map(|table| table.index.find(field, value)).unwrap_or_default()
    }

    /// Where a transaction may go back to.
    pub(crate) fn savepoint(&self) -> usize {
        self.journal.len()
    }

    /// Takes everything back that was done since.
    pub(crate) fn roll_back(&mut self, savepoint: usize) {
        for before in self.journal.split_off(savepoint.min(self.journal.len())).into_iter().rev() {
            self.put(&before.object, &before.id, before.row);
        }
    }

    /// Nothing can be taken back any more.
    pub(crate) fn commit(&mut self) {
        self.journal.clear();
    }

    /// Makes a row.
    pub(crate) fn create(
        &mut self,
        object: &Object,
        body: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<String, Failure> {
        self.check_trouble(object, Step::Create, None)?;
        if self.size() >= MOST_ROWS {
            return Err(Failure::bad("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"));
        }
        let mut row = write::fresh(object, &self.user, now);
        write::apply(self, object, &mut row, body, Step::Create)?;
        self.last_number += 1;
        let id = id::numbered(&object.prefix, self.last_number);
        row.fields.insert("Id".to_owned(), Value::from(id.clone()));
        write::name(object, &mut row, self.last_number);
        write::check(self, object, &row, &id)?;
        self.change(object, &id, Some(row));
        Ok(id)
    }

    /// Changes a row.
    pub(crate) fn update(
        &mut self,
        object: &Object,
        id: &str,
        body: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let mut row = self.present(object, id)?.clone();
        self.check_trouble(object, Step::Update, Some(id))?;
        write::apply(self, object, &mut row, body, Step::Update)?;
        write::touch(&mut row, &self.user, now);
        write::name(object, &mut row, 0);
        write::check(self, object, &row, id)?;
        self.change(object, id, Some(row));
        Ok(())
    }

    /// Puts a row into the recycle bin.
    pub(crate) fn delete(&mut self, object: &Object, id: &str, now: Timestamp) -> Result<(), Failure> {
        let mut row = self.present(object, id)?.clone();
        self.check_trouble(object, Step::Delete, Some(id))?;
        row.fields.insert("IsDeleted".to_owned(), Value::Bool(true));
        write::touch(&mut row, &self.user, now);
        self.change(object, id, Some(row));
        Ok(())
    }

    /// Whether rows of an object may be read now.
    pub(crate) fn check_read(&mut self, object: &Object) -> Result<(), Failure> {
        self.check_trouble(object, Step::Read, None)
    }

    /// The id of the only row with this value of an external id: none, one, or several.
    pub(crate) fn keyed(&self, object: &Object, field: &str, value: &Value) -> BTreeSet<String> {
        let ids = self.with_key(&object.name, field, value).into_iter();
        ids.filter(|id| self.row(&object.name, id).is_some()).collect()
    }

    fn present(&self, object: &Object, id: &str) -> Result<&Row, Failure> {
        let row = self.any_row(&object.name, id).ok_or_else(Failure::not_found)?;
        if row.is_deleted() {
            return Err(Failure::new(404, "ENTITY_IS_DELETED", "entity is deleted"));
        }
        Ok(row)
    }

    fn change(&mut self, object: &Object, id: &str, row: Option<Row>) {
        let before = self.put(&object.name, id, row);
        self.journal.push(Before { object: object.name.clone(), id: id.to_owned(), row: before });
    }

    fn put(&mut self, object: &str, id: &str, row: Option<Row>) -> Option<Row> {
        let indexed = self.schema.object(object)?.fields.values().filter(|field| field.is_indexed());
        let table = self.tables.get_mut(object)?;
        let before = table.rows.remove(id);
        for field in indexed {
            if let Some(before) = &before {
                table.index.remove(&field.name, before.value(&field.name), id);
            }
            if let Some(row) = &row {
                table.index.insert(&field.name, row.value(&field.name), id);
            }
        }
        if let Some(row) = row {
            table.rows.insert(id.to_owned(), row);
        }
        before
    }
}

#[cfg(test)]
mod tests;
