//! The bulk API of Elasticsearch and OpenSearch.
//!
//! Each entry has an id that follows from its place, and is created under it, so an entry that comes twice is there once.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{DeliverError, batch::Batch};
use crate::audit::log::Entry;

/// Where entries go unless the configuration says something else.
const INDEX: &str = "sallyport-audit";

/// The body of a request: a line that says what to do, then a line of what.
pub(super) fn body(batch: &Batch, index: Option<&str>) -> String {
    let index = index.unwrap_or(INDEX);
    let mut body = String::new();
    for line in &batch.lines {
        let id = format!("{}#{}", batch.origin, line.index);
        let action = json!({ "create": { "_index": index, "_id": id } });
        let at = Value::from(Entry::time(line.at));
        let document = match line.text.strip_prefix('{') {
            Some(rest) if batch.is_json() => format!("{{\"@timestamp\":{at},{rest}"),
            _ => json!({
                "@timestamp": at, "log": batch.origin.as_str(), "index": line.index, "message": line.text,
            })
            .to_string(),
        };
        body.push_str(&format!("{action}\n{document}\n"));
    }
    body
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Created,
}

#[derive(Deserialize)]
struct Created {
    status: u16,
}

/// How many of the first entries are there now, and what is wrong with the next one. 409: it was there before.
pub(super) fn accepted(answer: &[u8], sent: usize) -> Result<(usize, Option<DeliverError>), DeliverError> {
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|_| DeliverError::Odd("it is none of the bulk API".to_owned()))?;
    if answer.items.len() != sent {
        return Err(DeliverError::Odd(format!("it is about {} entries, and {sent} were sent", answer.items.len())));
    }
    let there = |item: &&Item| matches!(item.create.status, 200 | 201 | 409);
    let accepted = answer.items.iter().take_while(there).count();
    let refused = answer.items.get(accepted).map(|item| {
        DeliverError::Refused(format!("status {} of the entry after {accepted} that it has", item.create.status))
    });
    Ok((accepted, refused))
}
