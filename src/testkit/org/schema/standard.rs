//! What every object and every event has without saying so (Object Reference, "System Fields").

use super::field::{Field, Kind};

/// The fields that the org keeps by itself, and `Name`, where the schema has none.
pub(super) fn fields() -> Vec<Field> {
    let owner = Field { read_only: false, ..user("OwnerId", "Owner") };
    let name = Field { name: "Name".to_owned(), length: 80, ..Field::default() };
    let fields = [
        own("Id", Kind::Id),
        own("IsDeleted", Kind::Boolean),
        own("CreatedDate", Kind::DateTime),
        own("LastModifiedDate", Kind::DateTime),
        own("SystemModstamp", Kind::DateTime),
        user("CreatedById", "CreatedBy"),
        user("LastModifiedById", "LastModifiedBy"),
        owner,
        name,
    ];
    fields.map(Field::completed).into()
}

/// The fields that every event has (Platform Events Developer Guide, "Platform Event Fields").
pub(super) fn event_fields() -> Vec<Field> {
    let fields = [
        own("ReplayId", Kind::String),
        own("CreatedDate", Kind::DateTime),
        user("CreatedById", "CreatedBy"),
        Field { length: 36, ..own("EventUuid", Kind::String) },
    ];
    fields.map(Field::completed).into()
}

fn own(name: &str, kind: Kind) -> Field {
    Field { name: name.to_owned(), kind, read_only: true, ..Field::default() }
}

fn user(name: &str, relationship: &str) -> Field {
    Field { to: "User".to_owned(), relationship: relationship.to_owned(), ..own(name, Kind::Reference) }
}
