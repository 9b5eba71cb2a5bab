//! Links between documents lead somewhere, and what they say of the tests is so.

mod commands;
mod conformance;
mod named;
mod promises;

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All documents, without those that others installed here.
fn documents() -> Vec<PathBuf> {
    let mut folders = vec![root().to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&name.as_str()) {
                folders.push(path);
            } else if name.ends_with(".md") {
                found.push(path);
            }
        }
    }
    found
}

/// The text without code, where brackets mean something else.
fn prose(text: &str) -> String {
    let outside = text.split("```").step_by(2);
    outside.flat_map(|part| part.split('`').step_by(2)).collect()
}

fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let after = |mark: &str, end: char| -> Vec<String> {
        prose.split(mark).skip(1).filter_map(|rest| Some(rest.split_once(end)?.0.to_owned())).collect()
    };
    [after("](", ')'), after("src=\"", '"')].concat()
}

/// The names that GitHub gives to a document's headings.
fn anchors(text: &str) -> Vec<String> {
    let outside: String = text.split("```").step_by(2).collect();
    let headings = outside.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| -> String {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let documents = documents();
    assert!(documents.contains(&root().join("README.md")) && documents.len() > 10, "{documents:?}");
    let mut dead = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        for link in links(&text).iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            let there = target.exists();
            if !there
                || (!anchor.is_empty() && !anchors(&fs::read_to_string(&target).unwrap()).contains(&anchor.into()))
            {
                dead.push(format!("{}: {link}", document.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn links_and_anchors_are_found() {
    let text = "# The `file`: a *thing*\n[a](b.md#c) `[no](x)` <img src=\"p.png\">\n```\n# no\n[no](y)\n```\n[d](e)";
    assert_eq!(links(text), ["b.md#c", "e", "p.png"]);
    assert_eq!(anchors(text), ["the-file-a-thing"]);
}

#[test]
fn pictures_are_small() {
    for picture in fs::read_dir(root().join("docs/screenshots")).unwrap() {
        let picture = picture.unwrap();
        let bytes = picture.metadata().unwrap().len();
        assert!(bytes < 150_000, "{:?} has {bytes} bytes: make it smaller with pngquant", picture.path());
    }
}
