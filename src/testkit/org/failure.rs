//! What is said where something cannot be done, in the shape that its place wants.

use serde_json::{Value, json};

/// An error of the org, or of one of its rows (REST API Developer Guide, "Status Codes and Error Responses").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) fields: Vec<String>,
}

impl Failure {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), fields: Vec::new() }
    }

    /// A request that cannot be done.
    pub(crate) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    /// The same, and the fields to blame.
    pub(crate) fn of_fields(mut self, fields: &[&str]) -> Self {
        self.fields = fields.iter().map(|&field| field.to_owned()).collect();
        self
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(crate) fn method(method: &str) -> Self {
        let message = format!("HTTP Method '{method}' not allowed.");
        Self::new(405, "METHOD_NOT_ALLOWED", message)
    }

    /// A body that is no JSON, or not of the right form.
    pub(crate) fn json(message: impl Into<String>) -> Self {
        Self::bad("JSON_PARSER_ERROR", message)
    }

    /// One element of the array that is the body of an answer.
    pub(crate) fn item(&self) -> Value {
        if self.fields.is_empty() {
            json!({"message": self.message, "errorCode": self.code})
        } else {
            json!({"message": self.message, "errorCode": self.code, "fields": self.fields})
        }
    }

    /// One of the `errors` of a row of a collection: there the code is called `statusCode`.
    pub(crate) fn row_item(&self) -> Value {
        json!({"statusCode": self.code, "message": self.message, "fields": self.fields})
    }

    /// What bulk results say in `sf__Error`.
    pub(crate) fn text(&self) -> String {
        format!("{}:{}:{} --", self.code, self.message, self.fields.join(","))
    }
}
