//! `[[tenant]]`

use serde::Deserialize as _;
use toml::de::{DeValue, ValueDeserializer};

use super::{Item, ReadContext, client, person, provider, server};
use crate::{
    apply::document::TenantDoc,
    clients::{metadata::WebUri, redirect::check_scheme},
    ids::Slug,
    tenants::{RegistrationRule, Settings},
};

pub(super) fn read(mut item: Item<'_>, context: ReadContext<'_>) -> Option<TenantDoc> {
    let slug = item.parsed("slug", item.required("slug"), Slug::parse);
    if let Some(slug) = &slug {
        item.name = format!("tenant {slug}");
    }
    let label = slug.as_ref().map_or_else(|| item.name.clone(), ToString::to_string);
    let name = item.required("name").map(str::to_owned);
    let settings = settings(&item);
    let enabled = item.flag("enabled");
    // With wrong settings the rest is still read, against the defaults, for its own mistakes.
    let assumed = settings.clone().unwrap_or_default();
    let child = |kind: &'static str| {
        let label = label.clone();
        move |n| format!("{kind} {n} of {label}")
    };
    let servers = item.tables("server", child("server")).into_iter().map(|child| server::read(child, &label, context));
    let servers: Vec<_> = servers.flatten().collect();
    let people = item.tables("person", child("person")).into_iter().map(|child| person::read(child, &label, context));
    let people: Vec<_> = people.flatten().collect();
    let clients = item.tables("client", child("client")).into_iter();
    let clients: Vec<_> = clients.filter_map(|child| client::read(child, &label, &assumed, context)).collect();
    let providers = item.tables("provider", child("provider")).into_iter();
    let providers: Vec<_> = providers.filter_map(|child| provider::read(child, &label, context)).collect();
    item.finish();
    item.twice("server", servers.iter().map(|server| (server.slug.as_str(), server.line)));
    item.twice("person", people.iter().map(|person| (person.username.as_str(), person.line)));
    item.twice("client", clients.iter().map(|client| (client.id.as_str(), client.line)));
    item.twice("provider", providers.iter().map(|provider| (provider.slug.as_str(), provider.line)));
    Some(TenantDoc {
        slug: slug?,
        name: name?,
        settings: settings?,
        enabled: enabled?,
        servers,
        people,
        clients,
        providers,
        line: Some(item.line()),
    })
}

/// The settings, read as requests read them, so that none is known here and unknown there.
fn settings(item: &Item<'_>) -> Option<Settings> {
    let Some(table) = item.table("settings") else {
        return (!item.has("settings")).then(Settings::default);
    };
    let value = toml::Spanned::new(table.offset()..table.offset(), DeValue::Table(table.clone_table()));
    let settings = Settings::deserialize(ValueDeserializer::from(value)).map_err(|error| {
        let at = error.span().map_or(table.offset(), |span| span.start);
        table.problem_at(at, format!("settings: {}", error.message().replace('\n', ", ")));
    });
    let settings = settings.ok()?;
    let problems = problems(&settings);
    for (key, message) in &problems {
        table.problem(key, message);
    }
    problems.is_empty().then_some(settings)
}

/// What cannot be in settings, or does not fit together: which key, and why.
pub(in crate::apply) fn problems(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    let mut wrong = |key, message: String| problems.push((key, message));
    for scheme in &settings.redirect_schemes {
        if let Err(error) = check_scheme(scheme) {
            wrong("redirect_schemes", format!("holds something wrong: {error}"));
        }
    }
    for origin in &settings.allowed_origins {
        if !is_origin(origin) {
            let message =
                "must hold origins as browsers send them, such as \"https://inspector.example\", without a path";
            wrong("allowed_origins", message.to_owned());
        }
    }
    let issuers: Vec<&str> = settings.software_statements.iter().map(|trusted| trusted.issuer.as_str()).collect();
    for (at, issuer) in issuers.iter().enumerate() {
        if WebUri::parse(issuer).is_none() {
            wrong("software_statements", format!("issuer \"{issuer}\" must be an http or https address"));
        }
        if issuers.iter().skip(at + 1).any(|other| other == issuer) {
            wrong("software_statements", format!("names \"{issuer}\" twice: one entry can have several keys"));
        }
    }
    if settings.registration == RegistrationRule::SoftwareStatement && issuers.is_empty() {
        let message =
            "is \"software_statement\", so software_statements must say whom to trust, or nobody could register";
        wrong("registration", message.to_owned());
    }
    if settings.max_registered_clients.is_some_and(|most| !(1..=1_000_000).contains(&most)) {
        wrong("max_registered_clients", "must be between 1 and 1000000".to_owned());
    }
    if settings.unused_client_days.is_some_and(|days| !(1..=3650).contains(&days)) {
        wrong("unused_client_days", "must be between 1 and 3650".to_owned());
    }
    if settings.login.session_hours.is_some_and(|hours| !(1..=720).contains(&hours)) {
        wrong("session_hours", "must be between 1 and 720".to_owned());
    }
    problems
}

fn is_origin(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text)
}
