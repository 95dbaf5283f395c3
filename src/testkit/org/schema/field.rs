//! A field of an object: its type and what a value of it must be.

use serde::Deserialize;

/// Longest text where a schema gives no length (Object Reference, "Primitive Data Types": a text has at most 255 characters).
const TEXT: usize = 255;
/// Longest long text (help, "Custom Field Types": 131,072 characters).
const LONG_TEXT: usize = 131_072;

/// The type of a field, by the names that describe uses (Object Reference, "Field Types").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The record's own id.
    Id,
    /// A text.
    #[default]
    String,
    /// A long text, which no filter takes.
    TextArea,
    /// A checkbox: never null.
    Boolean,
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// An amount.
    Currency,
    /// A percentage.
    Percent,
    /// A day.
    Date,
    /// An instant.
    DateTime,
    /// A time of day.
    Time,
    /// A telephone number.
    Phone,
    /// An address for mail.
    Email,
    /// An address on the web.
    Url,
    /// One of some values.
    Picklist,
    /// Some of some values, with semicolons between them.
    MultiPicklist,
    /// The id of another record.
    Reference,
}

impl Kind {
    /// Its name in a describe.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::String => "string",
            Self::TextArea => "textarea",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Time => "time",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Url => "url",
            Self::Picklist => "picklist",
            Self::MultiPicklist => "multipicklist",
            Self::Reference => "reference",
        }
    }

    /// Its name in a describe's `soapType`.
    #[must_use]
    pub const fn soap_name(self) -> &'static str {
        match self {
            Self::Id | Self::Reference => "tns:ID",
            Self::Boolean => "xsd:boolean",
            Self::Int => "xsd:int",
            Self::Double | Self::Currency | Self::Percent => "xsd:double",
            Self::Date => "xsd:date",
            Self::DateTime => "xsd:dateTime",
            Self::Time => "xsd:time",
            Self::String
            | Self::TextArea
            | Self::Phone
            | Self::Email
            | Self::Url
            | Self::Picklist
            | Self::MultiPicklist => "xsd:string",
        }
    }

    /// Whether it is a number.
    #[must_use]
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }

    /// Whether its literals stand in quotes.
    #[must_use]
    pub const fn is_quoted(self) -> bool {
        !self.is_number() && !matches!(self, Self::Boolean | Self::Date | Self::DateTime | Self::Time)
    }
}

/// A field, as a schema gives it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Field {
    /// Its API name.
    #[serde(skip)]
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Most characters of a text.
    pub length: usize,
    /// Most digits of a number, those behind the point included.
    pub precision: u32,
    /// Digits behind the point.
    pub scale: u32,
    /// Whether rows are found by it.
    pub external_id: bool,
    /// Whether no two rows have the same.
    pub unique: bool,
    /// Whether it must have a value.
    pub required: bool,
    /// The values of a picklist.
    pub values: Vec<String>,
    /// Whether a picklist takes no others.
    pub restricted: bool,
    /// Whether nobody may write it.
    pub read_only: bool,
    /// Whether it is hidden from the integration user.
    pub hidden: bool,
    /// The object that a reference is to.
    pub to: String,
    /// How a reference's parent is reached.
    pub relationship: String,
    /// How the parent reaches its children.
    pub children: String,
}

impl Field {
    /// The same with what a schema leaves out, where it has no choice.
    pub(crate) fn completed(mut self) -> Self {
        let is_long = self.kind == Kind::TextArea;
        if self.length == 0 {
            self.length = match self.kind {
                Kind::TextArea => LONG_TEXT,
                Kind::Phone => 40,
                Kind::Email => 80,
                Kind::Id | Kind::Reference => 18,
                Kind::String | Kind::Url | Kind::Picklist => TEXT,
                Kind::MultiPicklist => 4_099,
                Kind::Boolean
                | Kind::Int
                | Kind::Double
                | Kind::Currency
                | Kind::Percent
                | Kind::Date
                | Kind::DateTime
                | Kind::Time => 0,
            };
        }
        self.length = self.length.min(if is_long { LONG_TEXT } else { 4_099 });
        if self.kind.is_number() && self.precision == 0 {
            self.precision = 18;
            self.scale = if self.kind == Kind::Int { 0 } else { 2 };
        }
        self
    }

    /// Whether rows are looked up by it without a scan.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.external_id || self.unique || self.kind == Kind::Reference
    }

    /// Whether a filter or an order may name it.
    #[must_use]
    pub fn is_filterable(&self) -> bool {
        self.kind != Kind::TextArea
    }
}
