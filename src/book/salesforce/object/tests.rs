use std::collections::BTreeSet;

use rules::contact::Flag;

use super::*;
use crate::salesforce::field::{Class, Kind};

#[test]
fn every_field_belongs_to_its_object_and_has_a_name_of_its_own() {
    for object in Object::ALL {
        let mut names = BTreeSet::new();
        for field in object.fields() {
            assert_eq!(field.object, object, "{}", field.name);
            assert!(names.insert(field.name), "{} twice", field.name);
        }
        assert!(object.fields().contains(&object.external_id()));
        assert_eq!(object.external_id().kind, Kind::ExternalId);
        let is_written = object.fields().iter().any(|field| field.is_written);
        assert_eq!(is_written, object != Object::CollectionStrategy, "{}", object.name());
    }
}

#[test]
fn every_flag_has_a_field_that_is_never_kept() {
    for flag in Flag::ALL {
        let field = account::flag(flag);
        assert!(account::FIELDS.contains(&field), "{}", flag.name());
        assert!(field.is_required && field.is_read && field.class == Class::C0);
    }
}

#[test]
fn no_field_is_made_for_account_data_of_a_card() {
    for field in Object::ALL.into_iter().flat_map(Object::fields) {
        assert!(!crate::salesforce::card::is_forbidden(field.name), "{}", field.name);
    }
}
