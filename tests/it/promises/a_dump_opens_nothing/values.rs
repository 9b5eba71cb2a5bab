//! Every value of a database, and what it could be taken for.

use std::collections::BTreeSet;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use sallyport::secret::{HandleKind, hex};
use sqlx::AssertSqlSafe;

use crate::harness::db::TestDb;

/// One value of some row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Text(String),
    Bytes(Vec<u8>),
}

/// All values of all rows, members of JSON and elements of arrays each for itself.
pub(super) async fn values(db: &TestDb) -> BTreeSet<Value> {
    let mut superuser = db.superuser().await;
    let tables = "select format('%I.%I', schemaname, tablename) from pg_tables
                   where schemaname not in ('pg_catalog', 'information_schema')";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut superuser).await.unwrap();
    let mut values = BTreeSet::new();
    for table in tables {
        let rows = format!("select to_jsonb(t) from {table} t");
        let rows: Vec<serde_json::Value> =
            sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut superuser).await.unwrap();
        rows.iter().for_each(|row| leaves(row, &mut values));
    }
    values
}

fn leaves(json: &serde_json::Value, values: &mut BTreeSet<Value>) {
    match json {
        serde_json::Value::Array(items) => items.iter().for_each(|item| leaves(item, values)),
        serde_json::Value::Object(members) => members.values().for_each(|member| leaves(member, values)),
        serde_json::Value::String(text) => {
            values.insert(match text.strip_prefix("\\x").and_then(unhex) {
                Some(bytes) => Value::Bytes(bytes),
                None => Value::Text(text.clone()),
            });
        }
        serde_json::Value::Number(number) => drop(values.insert(Value::Text(number.to_string()))),
        serde_json::Value::Bool(_) | serde_json::Value::Null => {}
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

impl Value {
    /// The bytes that it is, or stands for.
    pub(super) fn bytes(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => vec![bytes.clone()],
            Self::Text(text) => {
                let decoded = [STANDARD.decode(text), URL_SAFE.decode(text), URL_SAFE_NO_PAD.decode(text)];
                let decoded = decoded.into_iter().flatten().chain(unhex(text));
                decoded.chain([text.clone().into_bytes()]).collect()
            }
        }
    }

    /// What it could be presented as where a handle of `kind` is asked for: as it is, in every encoding, and as the random
    /// part of such a handle, whose checksum anybody can compute.
    pub(super) fn forms(&self, kind: HandleKind) -> BTreeSet<String> {
        let mut forms = BTreeSet::new();
        match self {
            Self::Text(text) => drop(forms.insert(text.clone())),
            Self::Bytes(bytes) => {
                forms.extend([hex(bytes), STANDARD.encode(bytes), STANDARD_NO_PAD.encode(bytes)]);
                forms.extend([URL_SAFE.encode(bytes), URL_SAFE_NO_PAD.encode(bytes)]);
                forms.extend(String::from_utf8(bytes.clone()));
            }
        }
        for bytes in self.bytes().into_iter().filter(|bytes| bytes.len() == 32) {
            forms.insert(handle(kind, &bytes));
        }
        // What no header, cookie or form can carry is no guess.
        forms.retain(|form| !form.is_empty() && form.len() < 3000 && form.bytes().all(|byte| byte.is_ascii_graphic()));
        forms
    }
}

/// A handle as anybody can make one: the prefix, 32 bytes, and the first four of a hash over both.
fn handle(kind: HandleKind, random: &[u8]) -> String {
    let whole = [kind.prefix().as_bytes(), random].concat();
    let check = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &whole);
    format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode([random, &check.as_ref()[..4]].concat()))
}
