//! Logical fields: what the gateway calls them, of which kind they are, and what it does with them. Which field of the org each
//! one is, the mapping says.

use super::object::Object;

/// Longest text where neither table nor mapping say otherwise: Salesforce's longest Text field, in characters.
const TEXT: u32 = 255;
/// Longest text of a Long Text Area as it is made where nobody chooses, in characters.
const LONG_TEXT: u32 = 32_768;
/// Longest external id, in characters.
const EXTERNAL_ID: u32 = 64;

/// Of which kind a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text of at most so many characters.
    Text(u32),
    /// True or false, never nothing.
    Bool,
    /// An amount in the account's currency.
    Money,
    /// A number. Per cents are such: 12.5 is 12.5 %.
    Number,
    /// A day.
    Date,
    /// A moment (Date/Time).
    Instant,
    /// A time of day without a zone.
    Time,
    /// One of these words.
    Picklist(&'static [&'static str]),
    /// Some of these words (Picklist, multi-select).
    Picklists(&'static [&'static str]),
    /// A row of another object.
    Reference(Object),
    /// The key by which rows are written: External ID and Unique.
    ExternalId,
    /// A telephone number as `+` and digits (ITU-T E.164).
    Phone,
}

impl Kind {
    /// Its name among people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Bool => "checkbox",
            Self::Money => "currency",
            Self::Number => "number",
            Self::Date => "date",
            Self::Instant => "date/time",
            Self::Time => "time",
            Self::Picklist(_) => "picklist",
            Self::Picklists(_) => "multi-select picklist",
            Self::Reference(_) => "lookup",
            Self::ExternalId => "external id",
            Self::Phone => "telephone number",
        }
    }

    /// The words of a picklist.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::Picklist(words) | Self::Picklists(words) => words,
            Self::Text(_)
            | Self::Bool
            | Self::Money
            | Self::Number
            | Self::Date
            | Self::Instant
            | Self::Time
            | Self::Reference(_)
            | Self::ExternalId
            | Self::Phone => &[],
        }
    }

    /// The longest value where the mapping says nothing, in characters; `None` where length means nothing.
    #[must_use]
    pub const fn length(self) -> Option<u32> {
        match self {
            Self::Text(length) => Some(length),
            Self::ExternalId => Some(EXTERNAL_ID),
            Self::Bool
            | Self::Money
            | Self::Number
            | Self::Date
            | Self::Instant
            | Self::Time
            | Self::Picklist(_)
            | Self::Picklists(_)
            | Self::Reference(_)
            | Self::Phone => None,
        }
    }
}

/// How old a value may be when something is decided by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// What forbids or changes a call: never kept, always asked for.
    C0,
    /// What belongs to a call: kept while it lasts, read again before an amount is agreed.
    C1,
    /// What belongs to the business: kept for minutes.
    C2,
}

/// One logical field of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The object that has it.
    pub object: Object,
    /// Its name in mappings and messages.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// How old its value may be.
    pub class: Class,
    /// Whether a mapping must have it, and, where it is read, a row a value in it.
    pub is_required: bool,
    /// Whether look-ups ask for it.
    pub is_read: bool,
    /// Whether rows are found by it.
    pub is_filtered: bool,
    /// Whether calls write it.
    pub is_written: bool,
    /// Whether every row that calls make has a value in it.
    pub is_filled: bool,
}

impl Field {
    /// A field that a mapping must have and nobody uses yet.
    #[must_use]
    pub(super) const fn new(object: Object, name: &'static str, kind: Kind, class: Class) -> Self {
        let (is_read, is_filtered, is_written, is_filled) = (false, false, false, false);
        Self { object, name, kind, class, is_required: true, is_read, is_filtered, is_written, is_filled }
    }

    /// A text of usual length.
    pub(super) const fn text(object: Object, name: &'static str, class: Class) -> Self {
        Self::new(object, name, Kind::Text(TEXT), class)
    }

    /// A text of many lines.
    pub(super) const fn long_text(object: Object, name: &'static str, class: Class) -> Self {
        Self::new(object, name, Kind::Text(LONG_TEXT), class)
    }

    /// The same, and a mapping may leave it out, or a row have nothing in it.
    pub(super) const fn optional(self) -> Self {
        Self { is_required: false, ..self }
    }

    /// The same, and look-ups ask for it.
    pub(super) const fn read(self) -> Self {
        Self { is_read: true, ..self }
    }

    /// The same, and rows are found by it.
    pub(super) const fn filtered(self) -> Self {
        Self { is_filtered: true, ..self }
    }

    /// The same, and calls write it.
    pub(super) const fn written(self) -> Self {
        Self { is_written: true, is_filled: true, ..self }
    }

    /// The same, where calls have something to write.
    pub(super) const fn at_times(self) -> Self {
        Self { is_filled: false, ..self }
    }

    /// Whether no call may begin where the org does not have it as the mapping says.
    #[must_use]
    pub const fn is_mandatory(&self) -> bool {
        self.is_required || matches!(self.class, Class::C0)
    }
}

/// Declares the fields of an object: a constant for each, and the list of all.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $field:expr;)+) => {
        $($(#[$doc])* pub const $name: crate::salesforce::field::Field = $field;)+

        /// Every field, in the order in which they are asked for and written.
        pub const FIELDS: &[crate::salesforce::field::Field] = &[$($name),+];
    };
}

pub(super) use fields;
