//! Checks a statement against the objects: every name is there and visible, every value fits its field. Names come out as
//! the schema writes them.

use super::{
    literal::Literal,
    statement::{Condition, Item, Operator, Statement},
    token::malformed,
};
use crate::{
    failure::Failure,
    schema::{Field, Kind, Object, Schema},
};

/// Most parents in a path, most sub-queries, largest offset ("SOQL and SOSL Limits", "Relationship Query Limitations").
const MOST_PARENTS: usize = 5;
const MOST_CHILDREN: usize = 20;
const MOST_OFFSET: usize = 2_000;

/// A statement whose names are the schema's.
pub(super) fn statement(schema: &Schema, object: &Object, mut statement: Statement) -> Result<Statement, Failure> {
    let children = statement.items.iter().filter(|item| matches!(item, Item::Children(_))).count();
    if children > MOST_CHILDREN {
        return Err(malformed(format_args!("at most {MOST_CHILDREN} sub-queries")));
    }
    if statement.offset > MOST_OFFSET {
        return Err(Failure::bad(
            "NUMBER_OUTSIDE_VALID_RANGE",
            format!("Maximum SOQL offset allowed is {MOST_OFFSET}"),
        ));
    }
    if statement.items.len() > 1 && statement.items.iter().any(|item| matches!(item, Item::Count)) {
        return Err(malformed("count() stands alone"));
    }
    statement.items =
        statement.items.into_iter().map(|item| checked(schema, object, item)).collect::<Result<_, _>>()?;
    statement.condition = statement.condition.map(|found| condition(schema, object, found)).transpose()?;
    for order in &mut statement.orders {
        let (names, field) = path(schema, object, &order.path)?;
        if !field.is_filterable() {
            let message = format!("field '{}' can not be sorted in a query call", field.name);
            return Err(Failure::bad("INVALID_FIELD", message));
        }
        order.path = names;
    }
    Ok(statement)
}

fn checked(schema: &Schema, object: &Object, item: Item) -> Result<Item, Failure> {
    match item {
        Item::Count => Ok(Item::Count),
        Item::Path(names) => Ok(Item::Path(path(schema, object, &names)?.0)),
        Item::Children(inner) => {
            let unknown = || {
                let message = format!("Didn't understand relationship '{}' in FROM part of query call.", inner.from);
                Failure::bad("INVALID_TYPE", message)
            };
            let children = object.children(&inner.from).ok_or_else(unknown)?;
            let child = schema.object(&children.object).ok_or_else(unknown)?;
            if child.field(&children.field).is_none() {
                return Err(unknown());
            }
            let from = children.name.clone();
            Ok(Item::Children(Statement { from, ..statement(schema, child, inner)? }))
        }
    }
}

fn path<'a>(schema: &'a Schema, object: &'a Object, names: &[String]) -> Result<(Vec<String>, &'a Field), Failure> {
    let (mut object, mut found) = (object, Vec::new());
    let Some((last, parents)) = names.split_last() else { return Err(malformed("a name is empty")) };
    if parents.len() > MOST_PARENTS {
        return Err(malformed(format_args!("at most {MOST_PARENTS} parents in a path")));
    }
    // An object's own name may stand before its field.
    let own = usize::from(parents.first().is_some_and(|first| first.eq_ignore_ascii_case(&object.name)));
    for name in &parents[own..] {
        let unknown = || {
            let message = format!("Didn't understand relationship '{name}' in field path.");
            Failure::bad("INVALID_FIELD", message)
        };
        let field = object.parent(name).ok_or_else(unknown)?;
        object = schema.object(&field.to).ok_or_else(unknown)?;
        found.push(field.relationship.clone());
    }
    let field = object.field(last).ok_or_else(|| {
        let message = format!(
            "No such column '{last}' on entity '{}'. If you are attempting to use a custom field, be sure to append the \
             '__c' after the custom field name.",
            object.name
        );
        Failure::bad("INVALID_FIELD", message)
    })?;
    found.push(field.name.clone());
    Ok((found, field))
}

fn condition(schema: &Schema, object: &Object, found: Condition) -> Result<Condition, Failure> {
    let each = |all: Vec<Condition>| -> Result<Vec<Condition>, Failure> {
        all.into_iter().map(|one| condition(schema, object, one)).collect()
    };
    let named = |names: &[String]| {
        let (names, field) = path(schema, object, names)?;
        if !field.is_filterable() {
            let message = format!("field '{}' can not be filtered in a query call", field.name);
            return Err(Failure::bad("INVALID_FIELD", message));
        }
        Ok((names, field))
    };
    let fit = |field: &Field, values: Vec<Literal>| -> Result<Vec<Literal>, Failure> {
        values.into_iter().map(|value| value.check(field)).collect()
    };
    Ok(match found {
        Condition::All(all) => Condition::All(each(all)?),
        Condition::Any(all) => Condition::Any(each(all)?),
        Condition::Not(one) => Condition::Not(Box::new(condition(schema, object, *one)?)),
        Condition::Compare(names, operator, value) => {
            let (names, field) = named(&names)?;
            check_operator(field, operator, &value)?;
            Condition::Compare(names, operator, value.check(field)?)
        }
        Condition::OneOf { path: names, is_not, values } => {
            let (path, field) = named(&names)?;
            Condition::OneOf { path, is_not, values: fit(field, values)? }
        }
        Condition::Includes { path: names, is_not, values } => {
            let (path, field) = named(&names)?;
            if field.kind != Kind::MultiPicklist {
                return Err(operator_failure(field));
            }
            Condition::Includes { path, is_not, values: fit(field, values)? }
        }
    })
}

fn check_operator(field: &Field, operator: Operator, value: &Literal) -> Result<(), Failure> {
    let is_order = matches!(operator, Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast);
    let is_text = field.kind.is_quoted() && !matches!(field.kind, Kind::Id | Kind::Reference);
    let fits = match operator {
        Operator::Like => is_text && matches!(value, Literal::Text(_)),
        _ if is_order => field.kind != Kind::Boolean && *value != Literal::Null,
        Operator::Is | Operator::IsNot | Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast => true,
    };
    if fits { Ok(()) } else { Err(operator_failure(field)) }
}

fn operator_failure(field: &Field) -> Failure {
    Failure::bad("INVALID_QUERY_FILTER_OPERATOR", format!("invalid operator on field '{}'", field.name))
}
