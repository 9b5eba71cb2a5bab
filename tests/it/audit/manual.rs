//! `docs/audit-events.md` names every kind of event with its fields, and nothing that is none.

use std::collections::BTreeMap;

const MANUAL: &str = include_str!("../../../docs/audit-events.md");

/// The fields of each kind, out of the source of its enum. A flattened field is `*name*`.
fn written(source: &str) -> BTreeMap<String, Vec<String>> {
    let (_, of_enum) = source.split_once("\n#[serde(tag = \"kind\")]\n").expect("the enum of the kinds");
    let (of_enum, _) = of_enum.split_once("\n}\n").expect("its end");
    let kinds = of_enum.split("\n    #[serde(rename = \"").skip(1);
    kinds
        .map(|text| {
            let (kind, rest) = text.split_once("\")]").unwrap();
            let code: Vec<&str> = rest.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
            let (_, fields) =
                code.join(" ").split_once('{').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap_or_default();
            let fields = fields.split('}').next().unwrap().split(", ").flat_map(|part| part.split(',')).map(str::trim);
            let fields = fields.filter(|field| !field.is_empty()).map(|field| {
                let name = field.split(']').next_back().unwrap().trim().split(':').next().unwrap().to_owned();
                if field.starts_with("#[serde(flatten)]") { format!("*{name}*") } else { format!("`{name}`") }
            });
            (kind.to_owned(), fields.collect())
        })
        .collect()
}

/// The rows of the tables between two places of the manual: kind and fields.
fn described(from: &str, to: &str) -> BTreeMap<String, String> {
    let (_, text) = MANUAL.split_once(from).expect(from);
    let text = text.split(to).next().unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    cells.map(|cells| (cells[0].trim_matches(['|', ' ', '`']).to_owned(), cells[2].to_owned())).collect()
}

#[track_caller]
fn compare(written: &BTreeMap<String, Vec<String>>, described: &BTreeMap<String, String>) {
    let names = |kinds: Vec<&String>| kinds.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(names(described.keys().collect()), names(written.keys().collect()), "kinds in docs/audit-events.md");
    for (kind, fields) in written {
        for field in fields {
            assert!(described[kind].contains(field.as_str()), "docs/audit-events.md: {kind} lacks {field}");
        }
    }
}

#[test]
fn every_event_of_a_tenant_is_described() {
    let written = written(include_str!("../../../src/audit/event.rs"));
    assert!(written.len() > 20 && written["bearer.refused"] == ["`reason`", "*tally*"], "{written:?}");
    compare(&written, &described("## What is done", "## The platform's log"));
}

#[test]
fn every_event_of_the_platform_is_described() {
    let written = written(include_str!("../../../src/audit/platform.rs"));
    assert_eq!(written["key.retired"], ["`key_kind`", "`key_id`", "`forced`"], "{written:?}");
    compare(&written, &described("## The platform's log", "\n## "));
}
