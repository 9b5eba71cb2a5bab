//! Reads a file into a [`Document`], and finds everything that is wrong with it at once.

mod client;
mod introspection;
mod issuer;
mod item;
mod person;
mod provider;
mod secret;
mod server;
mod tenant;

use std::path::Path;

use item::{Item, Source};
pub(super) use tenant::problems as settings_problems;
use toml::de::DeTable;

use super::{Document, Mistakes, Problem};
use crate::config::PublicUrl;

/// What reading a file needs beside its text.
#[derive(Clone, Copy, Debug)]
pub struct ReadContext<'a> {
    /// The file's name in messages.
    pub file: &'a str,
    /// Where relative paths of secrets start: the file's directory.
    pub directory: &'a Path,
    /// The installation's own address: no audience and no upstream may be below it.
    pub public_url: &'a PublicUrl,
}

impl Document {
    /// Reads a file, and the secrets that it names.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(text: &str, context: ReadContext<'_>) -> Result<Self, Mistakes> {
        let source = Source::new(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            // The parser's own rendering quotes the line, which may hold a secret.
            let problem = |error: &toml::de::Error| Problem {
                line: error.span().map(|span| source.line(span.start)),
                object: String::new(),
                message: format!("this is not TOML: {}", error.message().replace('\n', ", ")),
            };
            return Err(Mistakes::of(context.file, errors.iter().map(problem).collect()));
        }
        let root_item = Item::new(&source, root.get_ref(), 0, String::new());
        let tenants = root_item.tables("tenant", |n| format!("tenant {n}"));
        let read: Vec<_> = tenants.into_iter().filter_map(|item| tenant::read(item, context)).collect();
        root_item.twice("tenant", read.iter().map(|tenant| (tenant.slug.as_str(), tenant.line)));
        root_item.finish();
        let problems = source.into_problems();
        if problems.is_empty() {
            Ok(Self { file: context.file.to_owned(), tenants: read })
        } else {
            Err(Mistakes::of(context.file, problems))
        }
    }
}
