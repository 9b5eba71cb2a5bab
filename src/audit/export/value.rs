//! Values that entries only have commitments to: they can be erased, and the tree stays as it is.

use aws_lc_rs::digest::{Context, SHA256};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::{secret::hex, store::audit::EventRow};

/// A line of `values.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// Of which entry.
    pub index: u64,
    /// Its event.
    pub event: String,
    /// `sha256:<hex>`, as it stands in the entry's body.
    pub commitment: String,
    /// `personal` or `large`.
    pub kind: String,
    /// 16 bytes, in base64.
    pub salt: String,
    /// In base64.
    pub value: String,
}

/// Why a value is not that of an entry.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadValue {
    /// Not a value at all.
    #[error("it is not a value")]
    Form,
    /// Something else was committed to.
    #[error("it is not what its commitment was made of")]
    Commitment,
    /// The entry has another commitment, or none.
    #[error("the entry does not have its commitment")]
    Entry,
}

impl Value {
    /// The line, without the newline.
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a line.
    ///
    /// # Errors
    /// [`BadValue::Form`], also where the line could be written in another way.
    pub fn parse(line: &[u8]) -> Result<Self, BadValue> {
        let value: Self = serde_json::from_slice(line).map_err(|_| BadValue::Form)?;
        if value.line().as_bytes() == line { Ok(value) } else { Err(BadValue::Form) }
    }

    /// Whether it is what an event has a commitment to.
    ///
    /// # Errors
    /// See [`BadValue`].
    pub fn belongs_to(&self, event: &EventRow) -> Result<(), BadValue> {
        let decoded = |text: &str| STANDARD.decode(text).map_err(|_| BadValue::Form);
        let mut context = Context::new(&SHA256);
        context.update(&decoded(&self.salt)?);
        context.update(&decoded(&self.value)?);
        if !matches!(self.kind.as_str(), "personal" | "large") {
            return Err(BadValue::Form);
        }
        if self.commitment != format!("sha256:{}", hex(context.finish().as_ref())) {
            return Err(BadValue::Commitment);
        }
        if self.event == event.id.to_string() && says(&event.body, &self.commitment) {
            Ok(())
        } else {
            Err(BadValue::Entry)
        }
    }
}

fn says(body: &serde_json::Value, commitment: &str) -> bool {
    match body {
        serde_json::Value::String(text) => text == commitment,
        serde_json::Value::Array(items) => items.iter().any(|item| says(item, commitment)),
        serde_json::Value::Object(members) => members.values().any(|item| says(item, commitment)),
        _ => false,
    }
}
