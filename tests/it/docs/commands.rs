//! What documents name of the program is there: commands with their options, metrics, log lines.

use std::{collections::BTreeMap, fs};

use super::{documents, root};
use crate::harness::process::run;

/// Commands of ours in a document: lines of code and what stands in backticks, from `sallyport` on.
fn commands(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| !line.starts_with('|')).map(str::trim);
    let lines = lines.map(|line| line.strip_prefix("target/debug/").unwrap_or(line));
    let inline = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let said = lines.chain(inline).filter_map(|said| said.strip_prefix("sallyport "));
    let words = said.map(|said| said.split(" #").next().unwrap().split([' ', '=']).filter(|word| !word.is_empty()));
    let words = words.map(|words| words.map(|word| word.trim_matches(['[', ']', ',', '.', ';', ':']).to_owned()));
    words.map(|words| words.take_while(|word| !["|", "<", ">", "&&"].contains(&word.as_str())).collect()).collect()
}

/// Whether the program has the command and all its options, by its own help.
fn is_known(command: &[String], helps: &mut BTreeMap<Vec<String>, String>) -> Result<(), String> {
    let is_name = |word: &&String| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !word.starts_with('-');
    let names: Vec<String> = command.iter().take_while(is_name).cloned().collect();
    // The longest that the program knows; what comes after it are values. The program itself where none is named.
    let shortest = usize::from(!names.is_empty());
    let known = (shortest..=names.len().min(3)).rev().find_map(|length| {
        let names = names[..length].to_vec();
        let help = helps.entry(names.clone()).or_insert_with(|| {
            let said = run(&[&names.iter().map(String::as_str).collect::<Vec<_>>()[..], &["--help"]].concat(), &[]);
            if said.code == 0 { said.out } else { String::new() }
        });
        (!help.is_empty()).then(|| help.clone())
    });
    let help = known.ok_or("there is no such command")?;
    match command.iter().find(|word| {
        word.starts_with("--") && !help.contains(&format!("{word} ")) && !help.contains(&format!("{word}\n"))
    }) {
        Some(option) => Err(format!("it has no {option}")),
        None => Ok(()),
    }
}

#[test]
fn every_command_that_is_named_exists_with_its_options() {
    let mut helps = BTreeMap::new();
    let (mut wrong, mut found) = (Vec::new(), 0);
    for document in documents() {
        for command in commands(&fs::read_to_string(&document).unwrap()) {
            found += 1;
            // `sallyport person create|disable` and the like.
            let alternatives: Vec<Vec<String>> = match command.iter().position(|word| word.contains('|')) {
                None => vec![command.clone()],
                Some(at) => command[at]
                    .split('|')
                    .map(|one| [&command[..at], &[one.to_owned()], &command[at + 1..]].concat())
                    .collect(),
            };
            for command in alternatives {
                if let Err(why) = is_known(&command, &mut helps) {
                    let document = document.strip_prefix(root()).unwrap().display();
                    wrong.push(format!("{document}: sallyport {}: {why}", command.join(" ")));
                }
            }
        }
    }
    assert!(found > 50, "{found} commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn commands_are_found() {
    let text = "`sallyport keys init` and\n    sallyport apply a.toml --dry-run   # --no\n| `sallyport grant list|revoke`, | x |";
    let joined: Vec<_> = commands(text).iter().map(|command| command.join(" ")).collect();
    assert_eq!(joined, ["apply a.toml --dry-run", "keys init", "grant list|revoke"]);
    let mut helps = BTreeMap::new();
    let known =
        |command: &str, helps: &mut _| is_known(&command.split(' ').map(str::to_owned).collect::<Vec<_>>(), helps);
    assert_eq!(known("apply file --dry-run", &mut helps), Ok(()));
    assert_eq!(known("apply file --dry", &mut helps), Err("it has no --dry".to_owned()));
    assert_eq!(known("grant nonsense --person ada", &mut helps), Err("it has no --person".to_owned()));
    assert_eq!(known("nonsense", &mut helps), Err("there is no such command".to_owned()));
}

/// All of the program's text.
fn source() -> String {
    let mut folders = vec![root().join("src")];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    // Long texts go over several lines.
    text.split("\\\n").map(str::trim_start).collect()
}

#[test]
fn metrics_and_log_lines_of_the_manual_are_the_programs() {
    let manual = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let (_, manual) = manual.split_once("## What to watch").unwrap();
    let source = source();
    let first = |line: &str| line.strip_prefix("| `").and_then(|rest| Some(rest.split_once(" | ")?.0.to_owned()));
    let mut found = 0;
    for name in
        manual.lines().filter_map(first).flat_map(|cell| cell.split("`, `").map(str::to_owned).collect::<Vec<_>>())
    {
        let name = name.trim_matches('`');
        let metric = name
            .strip_prefix("sallyport_")
            .map(|metric| metric.trim_end_matches("_total").trim_end_matches("_seconds"));
        let text = metric.map_or_else(|| name.to_owned(), |metric| format!("\"{metric}\""));
        assert!(source.contains(&text), "docs/operations.md: the program does not say {name}");
        found += 1;
    }
    assert!(found > 15, "{found}");
}

/// What the program counts is in the manual.
#[test]
fn the_manual_knows_every_metric() {
    let manual = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let source: String = source().split_whitespace().collect();
    let names = ["registry.register(\"", "register_with_unit(\"", "encode_descriptor(\"", "gauge(\""].map(|before| {
        source.split(before).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)).collect::<Vec<_>>()
    });
    let names = names.concat();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        assert!(manual.contains(&format!("`sallyport_{name}")), "docs/operations.md does not know sallyport_{name}");
    }
}
