//! What a statement says.

use super::literal::Literal;

/// A statement, or a sub-query.
#[derive(Clone, Debug, Default)]
pub(super) struct Statement {
    pub(super) items: Vec<Item>,
    pub(super) from: String,
    pub(super) condition: Option<Condition>,
    pub(super) orders: Vec<Order>,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A field, or one of a parent.
    Path(Vec<String>),
    /// The children of a row.
    Children(Statement),
    /// How many rows there are.
    Count,
}

/// What a row must fulfil.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Compare(Vec<String>, Operator, Literal),
    OneOf {
        path: Vec<String>,
        is_not: bool,
        values: Vec<Literal>,
    },
    /// Of a multi-select picklist: one of these combinations.
    Includes {
        path: Vec<String>,
        is_not: bool,
        values: Vec<Literal>,
    },
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Is,
    IsNot,
    Less,
    AtMost,
    More,
    AtLeast,
    Like,
}

/// Which rows come first.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) path: Vec<String>,
    pub(super) is_descending: bool,
    pub(super) nulls_last: bool,
}
