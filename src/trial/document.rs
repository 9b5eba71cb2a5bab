//! Metadata documents: fetched without redirects, and read as strictly as clients do.

use std::io::Write;

use reqwest::header;
use serde_json::{Map, Value};
use url::Url;

use super::{
    Trial,
    http::Answer,
    report::{Step, quoted},
    rules,
};

/// A JSON object.
pub(super) type Document = Map<String, Value>;

impl<W: Write> Trial<'_, W> {
    /// The document at `url`, if there is one.
    pub(super) async fn document(&self, step: &mut Step, url: &Url) -> Option<Document> {
        let answer = match self.http.send(self.http.get(url)).await {
            Ok(answer) => answer,
            Err(failed) => {
                step.broke(failed.rule, failed.why);
                return None;
            }
        };
        match answer.status.as_u16() {
            200 => parsed(step, url.as_str(), &answer),
            300..=399 => {
                let to = answer.header(header::LOCATION);
                step.broke(&rules::REDIRECT, format!("{url} redirects with {} to \"{to}\".", answer.status.as_u16()));
                None
            }
            500..=599 => {
                step.broke(&rules::SERVER_ERROR, format!("{url} is answered {}.", answer.status));
                None
            }
            _ => {
                step.more(format!("{} at {url}", answer.status.as_u16()));
                None
            }
        }
    }
}

/// Reads a body that must be a JSON object.
pub(super) fn parsed(step: &mut Step, place: &str, answer: &Answer) -> Option<Document> {
    if answer.is_page() {
        step.broke(&rules::HTML, format!("{place} is a page for people (HTML), not a document."));
        return None;
    }
    let kind = answer.media_type();
    if kind != "application/json" {
        let kind = if kind.is_empty() { "missing".to_owned() } else { format!("\"{kind}\"") };
        step.broke(&rules::CONTENT_TYPE, format!("The Content-Type of {place} is {kind}."));
    }
    let Some(Value::Object(document)) = answer.json() else {
        step.broke(&rules::NOT_JSON, format!("{place} is no JSON object."));
        return None;
    };
    let nulls: Vec<&str> =
        document.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| name.as_str()).collect();
    if !nulls.is_empty() {
        step.broke(&rules::NULLS, format!("{place} has null for {}.", nulls.join(", ")));
    }
    Some(document)
}

/// A member that is a text.
pub(super) fn text<'a>(document: &'a Document, name: &str) -> Option<&'a str> {
    document.get(name).and_then(Value::as_str)
}

/// A list of texts; none where the member is not there or something else.
pub(super) fn texts<'a>(document: &'a Document, name: &str) -> Option<Vec<&'a str>> {
    Some(document.get(name)?.as_array()?.iter().filter_map(Value::as_str).collect())
}

/// A member as a part of a sentence.
pub(super) fn shown(document: &Document, name: &str) -> String {
    document.get(name).map_or_else(|| "missing".to_owned(), quoted)
}
