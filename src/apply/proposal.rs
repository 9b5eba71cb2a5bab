//! A catalogue out of what a server says that it offers: text for an administrator to read, change and paste.

use std::fmt::Write as _;

use crate::{
    mcp::Era,
    policy::{CatalogueItem, Effect, ItemKind, Scope, ServerPolicy},
    tenants::Server,
    upstream::probe::{Offer, Offered},
};

/// `catalogue = […]` in TOML, with comments. What was accepted before stays as it was accepted, whatever the server says
/// now.
pub fn proposal(tenant: &str, server: &Server, offer: &Offer) -> String {
    let policy = &server.policy;
    let era = match offer.era {
        Era::Modern => "2026-07-28",
        Era::Legacy => "the initialize era",
    };
    let mut text = format!(
        "# Server {tenant}/{} speaks {era} and says that it offers {}.\n\
         # What is read-only is what it says of itself: accept only what you know, and put this\n\
         # among the keys of its [[tenant.server]], before any table of it.\n\
         catalogue = [\n",
        server.slug,
        counts(offer),
    );
    for item in policy.items().iter().filter(|item| is_prefix(item)) {
        line(&mut text, item.kind, &item.name, &item.scope, item.read_only, "");
    }
    for offered in offer.items.iter().filter(|offered| !covered(policy, offered)) {
        match accepted(policy, offered.kind, &offered.name) {
            Some(item) => {
                let differs = item.kind == ItemKind::Tool && item.read_only != offered.read_only;
                let says = match (differs, offered.read_only) {
                    (false, _) => "",
                    (true, true) => "the server says that it is read-only",
                    (true, false) => "the server does not say that it is read-only",
                };
                line(&mut text, item.kind, &item.name, &item.scope, item.read_only, says);
            }
            None => {
                let scope = if offered.read_only { policy.read_scope() } else { change_scope(policy) };
                let new = if policy.items().is_empty() { "" } else { "new" };
                line(&mut text, offered.kind, &offered.name, scope, offered.read_only, new);
            }
        }
    }
    text.push_str("]\n");
    let gone = policy.items().iter().filter(|item| !is_prefix(item) && !offers(offer, item));
    for item in gone {
        comment(&mut text, &format!("Accepted, and not offered any more: {} {}", kind(item.kind), quoted(&item.name)));
    }
    if offer.left_out > 0 {
        comment(&mut text, &format!("Left out: {} whose names cannot be used.", offer.left_out));
    }
    text
}

fn counts(offer: &Offer) -> String {
    let count = |kind| offer.items.iter().filter(|item| item.kind == kind).count();
    let words = |count, one: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") };
    format!(
        "{}, {} and {}",
        words(count(ItemKind::Tool), "tool"),
        words(count(ItemKind::Prompt), "prompt"),
        words(count(ItemKind::Resource), "resource")
    )
}

fn line(text: &mut String, kind_of: ItemKind, name: &str, scope: &Scope, read_only: bool, note: &str) {
    let note = if note.is_empty() { String::new() } else { format!("  # {note}") };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "    {{ {} = {}, scope = {}, read_only = {read_only} }},{note}",
        kind(kind_of),
        quoted(name),
        quoted(scope.as_str())
    );
}

fn comment(text: &mut String, line: &str) {
    let _ = writeln!(text, "# {line}");
}

/// A TOML string that holds exactly `text`, on one line.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

const fn kind(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool => "tool",
        ItemKind::Prompt => "prompt",
        ItemKind::Resource => "resource",
    }
}

/// What is not read-only gets what unknown things need, or the first scope that changes things.
fn change_scope(policy: &ServerPolicy) -> &Scope {
    let changes = policy.scopes().iter().find(|scope| scope.effect == Effect::Change).map(|scope| &scope.name);
    policy.fallback_scope().or(changes).unwrap_or(policy.read_scope())
}

fn accepted<'a>(policy: &'a ServerPolicy, kind: ItemKind, name: &str) -> Option<&'a CatalogueItem> {
    policy.items().iter().find(|item| item.kind == kind && item.name == name)
}

fn is_prefix(item: &CatalogueItem) -> bool {
    item.kind == ItemKind::Resource && item.name.ends_with('*')
}

/// Whether an accepted beginning of URIs covers it.
fn covered(policy: &ServerPolicy, offered: &Offered) -> bool {
    let begins = |item: &CatalogueItem| item.name.strip_suffix('*').is_some_and(|head| offered.name.starts_with(head));
    let mut prefixes = policy.items().iter().filter(|item| is_prefix(item));
    offered.kind == ItemKind::Resource
        && accepted(policy, offered.kind, &offered.name).is_none()
        && prefixes.any(begins)
}

fn offers(offer: &Offer, item: &CatalogueItem) -> bool {
    offer.items.iter().any(|offered| offered.kind == item.kind && offered.name == item.name)
}
