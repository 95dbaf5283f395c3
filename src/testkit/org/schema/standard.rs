//! What every object has without saying so (Object Reference, "System Fields").

use super::field::{Field, Kind};

/// The fields that the org keeps by itself, and `Name`, where the schema has none.
pub(super) fn fields() -> Vec<Field> {
    let own = |name: &str, kind: Kind| Field { name: name.to_owned(), kind, read_only: true, ..Field::default() };
    let user = |name: &str, relationship: &str| Field {
        to: "User".to_owned(),
        relationship: relationship.to_owned(),
        ..own(name, Kind::Reference)
    };
    let owner = Field { read_only: false, ..user("OwnerId", "Owner") };
    let name = Field { name: "Name".to_owned(), length: 80, ..Field::default() };
    let mut fields = vec![
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
    fields.iter_mut().for_each(Field::complete);
    fields
}
