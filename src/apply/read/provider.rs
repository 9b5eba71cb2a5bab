//! `[[tenant.provider]]`

use serde::Deserialize as _;
use toml::de::{DeValue, ValueDeserializer};

use super::{
    Item, ReadContext,
    secret::{self, Given},
};
use crate::{
    apply::document::{AUTH_METHODS, ProviderDoc},
    ids::{Slug, is_document_address},
    people::oidc::ProviderSettings,
    tenants::is_ours,
};

pub(super) fn read(mut item: Item<'_>, tenant: &str, context: ReadContext<'_>) -> Option<ProviderDoc> {
    let slug = item.parsed("slug", item.required("slug"), Slug::parse);
    if let Some(slug) = &slug {
        item.name = format!("provider {tenant}/{slug}");
    }
    let name = item.required("name").map(str::to_owned);
    let issuer = item.parsed("issuer", item.required("issuer"), |text| issuer(text, context));
    let client_id = item.required("client_id").map(str::to_owned);
    let method = item.has("auth_method").then(|| item.parsed("auth_method", item.text("auth_method"), auth_method));
    let method = match method {
        Some(method) => Some(Some(method?)),
        None => {
            item.value("auth_method");
            Some(None)
        }
    };
    let secret = match item.has("client_secret") {
        true => client_secret(&item, context).map(Some),
        false => {
            item.value("client_secret");
            Some(None)
        }
    };
    let settings = settings(&item);
    let enabled = item.flag("enabled");
    item.finish();
    Some(ProviderDoc {
        slug: slug?,
        name: name?,
        issuer: issuer?,
        client_id: client_id?,
        auth_method: method?,
        client_secret: secret?,
        settings: settings?,
        enabled: enabled?,
        line: Some(item.line()),
    })
}

fn issuer(text: &str, context: ReadContext<'_>) -> Result<String, &'static str> {
    // Metadata is looked for below it. One that is an origin has no slash at its end, and is none the less an address.
    let plain = is_document_address(text) || is_document_address(&format!("{text}/"));
    if !plain || text.contains('?') {
        return Err("an issuer is an https address in its plain spelling");
    }
    if is_ours(text, context.public_url) {
        return Err("it is an address of this installation: name somebody else's issuer");
    }
    Ok(text.to_owned())
}

fn auth_method(text: &str) -> Result<String, String> {
    match AUTH_METHODS.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("one of {}", AUTH_METHODS.join(", "))),
    }
}

fn client_secret(item: &Item<'_>, context: ReadContext<'_>) -> Option<crate::secret::SecretText> {
    match secret::read(item, "client_secret", context.directory)? {
        Given::Clear(text) => Some(text),
        Given::Hash(_) => {
            item.problem(
                "client_secret",
                "cannot be a hash, since it is sent: use { file = \"…\" } or { env = \"…\" }",
            );
            None
        }
    }
}

/// Read as requests read them, so that none is known here and unknown there.
fn settings(item: &Item<'_>) -> Option<ProviderSettings> {
    let Some(table) = item.table("settings") else {
        return (!item.has("settings")).then(ProviderSettings::default);
    };
    let value = toml::Spanned::new(table.offset()..table.offset(), DeValue::Table(table.clone_table()));
    let settings = ProviderSettings::deserialize(ValueDeserializer::from(value)).map_err(|error| {
        let at = error.span().map_or(table.offset(), |span| span.start);
        table.problem_at(at, format!("settings: {}", error.message().replace('\n', ", ")));
    });
    let settings = settings.ok()?;
    let problems = settings.problems();
    for (key, message) in &problems {
        table.problem(key, message);
    }
    problems.is_empty().then_some(settings)
}
