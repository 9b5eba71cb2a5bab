//! The file of tenants.

use std::path::Path;

use crate::{
    apply::{Document, ReadContext},
    config::PublicUrl,
};

/// A file is read, or every mistake has words.
pub(super) fn file(data: &[u8]) {
    let (Ok(text), Ok(public_url)) = (std::str::from_utf8(data), PublicUrl::parse("https://gw.example")) else {
        return;
    };
    // Secrets are files of their own: none is read here.
    if text.contains("file") || text.contains("env") {
        return;
    }
    let context = ReadContext { file: "fuzz.toml", directory: Path::new("/nowhere"), public_url: &public_url };
    match Document::read(text, context) {
        Ok(document) => {
            for (at, tenant) in document.tenants.iter().enumerate() {
                assert!(!document.tenants.iter().skip(at + 1).any(|other| other.slug == tenant.slug), "a tenant twice");
                let elsewhere = |server: &crate::apply::ServerDoc| !server.audience.starts_with("https://gw.example/");
                assert!(tenant.servers.iter().all(elsewhere), "an audience of ours");
            }
        }
        Err(mistakes) => {
            assert!(!mistakes.problems.is_empty(), "no reason");
            let lines = text.split('\n').count();
            for problem in mistakes.problems {
                assert!(!problem.message.is_empty() && problem.line.is_none_or(|line| (1..=lines).contains(&line)));
            }
        }
    }
}
