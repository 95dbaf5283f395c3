//! Reads a statement from its words, one function for each rule of the grammar.

use super::{
    date::Range,
    literal::Literal,
    statement::{Condition, Item, Operator, Order, Statement},
    token::{Token, malformed, tokens},
};
use crate::failure::Failure;

/// Deepest nesting of conditions: a statement is walked by recursion.
const DEEPEST: usize = 30;

/// Reads a whole statement.
pub(super) fn parse(text: &str) -> Result<Statement, Failure> {
    let mut words = Words { tokens: tokens(text)?, at: 0, depth: 0 };
    let statement = words.statement(true)?;
    match words.peek() {
        None => Ok(statement),
        Some(token) => Err(malformed(format_args!("unexpected token: '{}'", token.shown()))),
    }
}

struct Words {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Words {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, Failure> {
        let token = self.peek().cloned().ok_or_else(|| malformed("unexpected token: '<EOF>'"))?;
        self.at += 1;
        Ok(token)
    }

    fn takes(&mut self, word: &str) -> bool {
        let is_next = self.peek().is_some_and(|token| token.is_word(word));
        self.at += usize::from(is_next);
        is_next
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Sign(own)) if *own == sign);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, word: &str) -> Result<(), Failure> {
        let found = self.peek().map_or("<EOF>", Token::shown).to_owned();
        let is_next = self.takes(word) || self.takes_sign(word);
        if is_next { Ok(()) } else { Err(malformed(format_args!("expecting '{word}', found '{found}'"))) }
    }

    fn word(&mut self) -> Result<String, Failure> {
        match self.next()? {
            Token::Word(word) => Ok(word),
            token @ (Token::Text(_) | Token::Digits(_) | Token::Sign(_)) => {
                Err(malformed(format_args!("unexpected token: '{}'", token.shown())))
            }
        }
    }

    fn path(&mut self) -> Result<Vec<String>, Failure> {
        let path: Vec<String> = self.word()?.split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) { Err(malformed("a name is empty")) } else { Ok(path) }
    }

    fn statement(&mut self, is_outer: bool) -> Result<Statement, Failure> {
        self.expect("SELECT")?;
        let mut statement = Statement::default();
        loop {
            statement.items.push(self.item(is_outer)?);
            if !self.takes_sign(",") {
                break;
            }
        }
        self.expect("FROM")?;
        statement.from = self.word()?;
        if self.takes("WHERE") {
            statement.condition = Some(self.condition()?);
        }
        if self.takes("ORDER") {
            self.expect("BY")?;
            statement.orders = self.orders()?;
        }
        if self.takes("LIMIT") {
            statement.limit = Some(self.count()?);
        }
        if self.takes("OFFSET") {
            statement.offset = self.count()?;
        }
        Ok(statement)
    }

    fn item(&mut self, is_outer: bool) -> Result<Item, Failure> {
        if is_outer && self.takes_sign("(") {
            let children = self.statement(false)?;
            self.expect(")")?;
            return Ok(Item::Children(children));
        }
        let path = self.path()?;
        if !self.takes_sign("(") {
            return Ok(Item::Path(path));
        }
        let is_count = path.len() == 1 && path[0].eq_ignore_ascii_case("count") && is_outer;
        if !is_count {
            return Err(malformed(format_args!("unexpected token: '{}('", path.join("."))));
        }
        self.expect(")")?;
        Ok(Item::Count)
    }

    /// `AND` beside `OR` needs parentheses ("Condition Expression Syntax").
    fn condition(&mut self) -> Result<Condition, Failure> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(malformed("conditions are nested too deep"));
        }
        let first = self.simple()?;
        let word = if self.peek().is_some_and(|token| token.is_word("AND")) { "AND" } else { "OR" };
        let mut all = vec![first];
        while self.takes(word) {
            all.push(self.simple()?);
        }
        if self.peek().is_some_and(|token| token.is_word("AND") || token.is_word("OR")) {
            return Err(malformed("unexpected token: AND and OR stand beside each other without parentheses"));
        }
        self.depth -= 1;
        Ok(match (all.len(), word) {
            (1, _) => all.remove(0),
            (_, "AND") => Condition::All(all),
            _ => Condition::Any(all),
        })
    }

    fn simple(&mut self) -> Result<Condition, Failure> {
        if self.takes("NOT") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(malformed("conditions are nested too deep"));
            }
            let condition = self.simple()?;
            self.depth -= 1;
            return Ok(Condition::Not(Box::new(condition)));
        }
        if self.takes_sign("(") {
            let condition = self.condition()?;
            self.expect(")")?;
            return Ok(condition);
        }
        let path = self.path()?;
        let is_not = self.takes("NOT");
        if self.takes("IN") {
            return Ok(Condition::OneOf { path, is_not, values: self.list()? });
        }
        if is_not {
            return Err(malformed("expecting 'IN'"));
        }
        if self.takes("INCLUDES") {
            return Ok(Condition::Includes { path, is_not: false, values: self.list()? });
        }
        if self.takes("EXCLUDES") {
            return Ok(Condition::Includes { path, is_not: true, values: self.list()? });
        }
        let operator = self.operator()?;
        Ok(Condition::Compare(path, operator, self.literal()?))
    }

    fn operator(&mut self) -> Result<Operator, Failure> {
        let token = self.next()?;
        Ok(match token.shown() {
            "=" => Operator::Is,
            "!=" | "<>" => Operator::IsNot,
            "<" => Operator::Less,
            "<=" => Operator::AtMost,
            ">" => Operator::More,
            ">=" => Operator::AtLeast,
            _ if token.is_word("LIKE") => Operator::Like,
            other => return Err(malformed(format_args!("unexpected token: '{other}'"))),
        })
    }

    fn list(&mut self) -> Result<Vec<Literal>, Failure> {
        self.expect("(")?;
        let mut values = vec![self.literal()?];
        while self.takes_sign(",") {
            values.push(self.literal()?);
        }
        self.expect(")")?;
        Ok(values)
    }

    fn literal(&mut self) -> Result<Literal, Failure> {
        let token = self.next()?;
        let unknown = || malformed(format_args!("unexpected token: '{}'", token.shown()));
        match &token {
            Token::Text(text) => Ok(Literal::Text(text.clone())),
            Token::Digits(digits) => Literal::of_digits(digits).ok_or_else(unknown),
            Token::Sign(_) => Err(unknown()),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => Ok(Literal::Null),
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Ok(Literal::Bool(true)),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Ok(Literal::Bool(false)),
            Token::Word(word) => {
                let number = if self.takes_sign(":") { Some(self.count()?) } else { None };
                let number = number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
                Range::named(word, number).map(Literal::Range).ok_or_else(unknown)
            }
        }
    }

    fn orders(&mut self) -> Result<Vec<Order>, Failure> {
        let mut orders = Vec::new();
        loop {
            let path = self.path()?;
            let is_descending = self.takes("DESC");
            if !is_descending {
                self.takes("ASC");
            }
            let mut nulls_last = false;
            if self.takes("NULLS") {
                nulls_last = self.takes("LAST");
                if !nulls_last {
                    self.expect("FIRST")?;
                }
            }
            orders.push(Order { path, is_descending, nulls_last });
            if !self.takes_sign(",") {
                return Ok(orders);
            }
        }
    }

    fn count(&mut self) -> Result<usize, Failure> {
        let token = self.next()?;
        let count = token.shown().parse().ok().filter(|_| matches!(token, Token::Digits(_)));
        count.ok_or_else(|| malformed(format_args!("unexpected token: '{}'", token.shown())))
    }
}
