//! The members of a registration request, read with their types and limits.

use serde_json::{Map, Value};

use super::{InvalidMetadata, MAX_ITEMS};
use crate::mcp::json::{self, Fault};

/// The deepest nesting that a registration may have. Real ones have two levels.
const MAX_DEPTH: usize = 16;

/// The members of one JSON object without duplicate keys. May hold a secret, so it does not print.
pub struct Members(Map<String, Value>);

// === impl Members ===

impl Members {
    /// Reads a body.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidMetadata> {
        let text = json::check(body, MAX_DEPTH).map_err(|fault| {
            InvalidMetadata::Json(match fault {
                Fault::Syntax => "it is not one JSON object in UTF-8",
                Fault::DuplicateKey => "an object names a member twice",
                Fault::TooDeep => "it is nested too deeply",
            })
        })?;
        serde_json::from_str(text).map(Self).map_err(|_| InvalidMetadata::Json("it is not one JSON object in UTF-8"))
    }

    /// Whether a member is there and neither null nor empty.
    pub fn has(&self, member: &str) -> bool {
        match self.0.get(member) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(members)) => !members.is_empty(),
            Some(Value::Bool(_) | Value::Number(_)) => true,
        }
    }

    /// A text of at most `max` characters, without the white space around it. Null and empty are absent.
    pub fn text(&self, member: &'static str, max: usize) -> Result<Option<&str>, InvalidMetadata> {
        match self.0.get(member) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => checked(member, text, max),
            Some(_) => Err(InvalidMetadata::Member { member, problem: "must be a string" }),
        }
    }

    /// Whatever is there. Null counts as absent.
    pub fn value(&self, member: &str) -> Option<&Value> {
        self.0.get(member).filter(|value| !value.is_null())
    }

    /// These members with those that `said` has in their place, and without those of `dropped` that it does not have.
    pub fn replaced(mut self, said: Map<String, Value>, dropped: &[&str]) -> Self {
        self.0.retain(|name, _| !dropped.contains(&name.as_str()));
        self.0.extend(said);
        self
    }

    /// A list of texts of at most `max` characters each, without the white space around them.
    pub fn list(&self, member: &'static str, max: usize) -> Result<Vec<&str>, InvalidMetadata> {
        let items = self.raw_list(member)?;
        if items.len() > MAX_ITEMS {
            return Err(InvalidMetadata::Member { member, problem: "has more than 32 elements" });
        }
        items.into_iter().filter_map(|text| checked(member, text, max).transpose()).collect()
    }

    /// A list of texts as they are. Null and empty elements are left out.
    pub fn raw_list(&self, member: &'static str) -> Result<Vec<&str>, InvalidMetadata> {
        let mistyped = InvalidMetadata::Member { member, problem: "must be a list of strings" };
        match self.0.get(member) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                let texts = items.iter().filter(|item| !item.is_null());
                let texts: Option<Vec<&str>> = texts.map(Value::as_str).collect();
                let texts = texts.ok_or(mistyped)?;
                Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
            }
            Some(_) => Err(mistyped),
        }
    }
}

fn checked<'a>(member: &'static str, text: &'a str, max: usize) -> Result<Option<&'a str>, InvalidMetadata> {
    let text = text.trim();
    let problem = |problem| Err(InvalidMetadata::Member { member, problem });
    if text.chars().count() > max {
        return problem("is too long");
    }
    if text.chars().any(char::is_control) {
        return problem("has a control character");
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}
