//! `introspection_secret` of a server: one secret, or several while one follows another.

use toml::de::DeValue;

use super::{
    Item, ReadContext,
    secret::{self, Given},
};
use crate::{
    apply::document::SecretDoc,
    secret::{Handle, HandleKind},
};

const KEY: &str = "introspection_secret";
/// The most secrets at a time: the old one and the new one, and one of an accident.
const MOST: usize = 3;

/// The secrets. `Some(None)`: what there is stays. None: a mistake.
pub(super) fn read(item: &Item<'_>, context: ReadContext<'_>) -> Option<Option<Vec<SecretDoc>>> {
    let given = match item.value(KEY) {
        None => return Some(None),
        Some((DeValue::Boolean(false), _)) => return Some(Some(Vec::new())),
        Some((DeValue::Array(values), _)) if values.is_empty() || values.len() > MOST => {
            item.problem(KEY, format_args!("must hold 1 to {MOST} secrets; false takes them all away"));
            return None;
        }
        Some((DeValue::Array(values), _)) => {
            values.iter().map(|value| secret::read_value(item, KEY, value.get_ref(), context.directory)).collect()
        }
        Some((value, _)) => vec![secret::read_value(item, KEY, value, context.directory)],
    };
    let read: Vec<Option<SecretDoc>> = given.into_iter().map(|given| handle(item, given?)).collect();
    read.into_iter().collect::<Option<Vec<_>>>().map(Some)
}

fn handle(item: &Item<'_>, given: Given) -> Option<SecretDoc> {
    match given {
        Given::Clear(text) => {
            let make = "it is no server secret of Sallyport's making; make one with `sallyport server secret`";
            let parse = |text: &str| Handle::parse(HandleKind::ServerSecret, text).map_err(|_| make);
            item.parsed(KEY, Some(text.expose()), parse).map(SecretDoc)
        }
        Given::Hash(_) => {
            item.problem(
                KEY,
                "cannot be a hash: what is stored is keyed with the pepper of this installation, so nobody can \
                 compute it elsewhere; use { file = \"…\" } or { env = \"…\" }",
            );
            None
        }
    }
}
