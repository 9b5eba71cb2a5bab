//! `[[tenant.server]]`

use super::{Item, ReadContext, introspection, issuer};
use crate::{
    apply::document::{PolicyDoc, ServerDoc},
    config::PublicUrl,
    ids::Slug,
    keys::SigningAlg,
    policy::{CatalogueItem, Effect, ItemKind, Scope, ScopeDef, ScopeSet},
    tenants::EraSetting,
    upstream,
};

/// The longest `aud`, in bytes.
const MAX_AUDIENCE: usize = 512;

pub(super) fn read(mut item: Item<'_>, tenant: &str, context: ReadContext<'_>) -> Option<ServerDoc> {
    let slug = item.parsed("slug", item.required("slug"), Slug::parse);
    if let Some(slug) = &slug {
        item.name = format!("server {tenant}/{slug}");
    }
    let name = item.text("name").map(str::to_owned);
    let description = item.text("description").unwrap_or_default().to_owned();
    let upstream = item.parsed("upstream", item.required("upstream"), |text| upstream(text, context.public_url));
    let audience = match (item.text("audience"), &upstream) {
        (Some(text), _) => item.parsed("audience", Some(text), |text| audience(text, context.public_url)),
        (None, Some(upstream)) if !item.has("audience") => {
            if upstream.contains('?') {
                item.problem("audience", "is required where the upstream has a query, which it should not repeat");
            }
            Some(upstream.clone())
        }
        _ => None,
    };
    let era = item.word("era", EraSetting::Auto, "\"auto\", \"modern\" or \"legacy\"", EraSetting::parse);
    let signing = item.word("signing", SigningAlg::EdDSA, "\"EdDSA\" or \"ES256\"", SigningAlg::parse);
    let policy = policy(&item);
    let secrets = introspection::read(&item, context);
    let resource = slug.as_ref().map(|slug| format!("{}/t/{tenant}/mcp/{slug}", context.public_url.as_str()));
    let issuers = issuer::all(&item, context.public_url, resource.as_deref());
    let enabled = item.flag("enabled");
    item.finish();
    let slug = slug?;
    Some(ServerDoc {
        name: name.unwrap_or_else(|| slug.to_string()),
        slug,
        description,
        upstream: upstream?,
        audience: audience?,
        era: era?,
        signing: signing?,
        policy: policy?,
        introspection_secrets: secrets?,
        issuers: issuers?,
        enabled: enabled?,
        line: Some(item.line()),
    })
}

fn upstream(text: &str, own: &PublicUrl) -> Result<String, String> {
    upstream::parse_url(text).map_err(|error| error.to_string())?;
    if is_ours(text, own) {
        return Err("this is Sallyport's own address; name the server that it stands before".to_owned());
    }
    Ok(text.to_owned())
}

/// RFC 7519 §4.1.3: any text, and a URI if it has a colon.
fn audience(text: &str, own: &PublicUrl) -> Result<String, &'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.len() > MAX_AUDIENCE {
        return Err("it must be 1 to 512 characters of printable ASCII without spaces");
    }
    if is_ours(text, own) {
        return Err("it is below Sallyport's own address: a token for an upstream must never be one for an issuer or \
                    resource of ours");
    }
    Ok(text.to_owned())
}

fn is_ours(text: &str, own: &PublicUrl) -> bool {
    url::Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == own.origin())
}

fn policy(item: &Item<'_>) -> Option<PolicyDoc> {
    let mut wrong = false;
    let mut checked = |good: bool| wrong |= !good;
    let scopes = item.has("scopes").then(|| all(item.tables("scopes", |n| format!("{}, scope {n}", item.name)), scope));
    checked(!matches!(scopes, Some(None)));
    let default_scopes = item.list("default_scopes", Scope::new);
    checked(default_scopes.is_some() || !item.has("default_scopes"));
    let fallback_scope = match item.value("fallback_scope") {
        None => None,
        Some((toml::de::DeValue::Boolean(false), _)) => Some(None),
        Some((toml::de::DeValue::String(text), _)) => {
            let scope = item.parsed("fallback_scope", Some(text), Scope::new);
            checked(scope.is_some());
            scope.map(Some)
        }
        Some(_) => {
            item.problem("fallback_scope", "must be a scope, or false to forbid what is not in the catalogue");
            checked(false);
            None
        }
    };
    let catalogue = item
        .has("catalogue")
        .then(|| all(item.tables("catalogue", |n| format!("{}, catalogue item {n}", item.name)), catalogue_item));
    checked(!matches!(catalogue, Some(None)));
    // The keys are known even where they are absent.
    for key in ["scopes", "catalogue"] {
        item.value(key);
    }
    (!wrong).then(|| PolicyDoc {
        scopes: scopes.flatten(),
        default_scopes: default_scopes.map(|scopes| scopes.into_iter().collect::<ScopeSet>()),
        fallback_scope,
        catalogue: catalogue.flatten(),
    })
}

/// All of them, or None where one is wrong. Each is read, so that each mistake is found.
fn all<'a, T>(items: Vec<Item<'a>>, read: impl Fn(Item<'a>) -> Option<T>) -> Option<Vec<T>> {
    let read: Vec<_> = items.into_iter().map(read).collect();
    read.into_iter().collect()
}

fn scope(item: Item<'_>) -> Option<ScopeDef> {
    let name = item.parsed("name", item.required("name"), Scope::new);
    if !item.has("effect") {
        item.problem("effect", "is required: \"read\" or \"change\"");
    }
    let effect = item.word("effect", Effect::Read, "\"read\" or \"change\"", |word| match word {
        "read" => Some(Effect::Read),
        "change" => Some(Effect::Change),
        _ => None,
    });
    let description = item.required("description").map(str::to_owned);
    let max_auth_age = max_auth_age(&item);
    item.finish();
    Some(ScopeDef { name: name?, effect: effect?, description: description?, max_auth_age: max_auth_age? })
}

/// Seconds. `None` on a mistake, `Some(None)` where any login will do.
fn max_auth_age(item: &Item<'_>) -> Option<Option<u32>> {
    const KEY: &str = "max_auth_age";
    let Some((value, _)) = item.value(KEY) else { return Some(None) };
    let age = value.as_integer().and_then(|integer| i32::from_str_radix(integer.as_str(), integer.radix()).ok());
    let age = age.and_then(|age| u32::try_from(age).ok()).filter(|age| *age > 0);
    if age.is_none() {
        item.problem(KEY, "must be how old a login may be, in seconds: at least 1");
    }
    age.map(Some)
}

fn catalogue_item(item: Item<'_>) -> Option<CatalogueItem> {
    let kinds = [("tool", ItemKind::Tool), ("prompt", ItemKind::Prompt), ("resource", ItemKind::Resource)];
    let named: Vec<_> = kinds.into_iter().filter_map(|(key, kind)| Some((kind, item.text(key)?))).collect();
    let one = match named.as_slice() {
        [one] => Some(*one),
        _ => {
            item.problem_at(item.offset(), "must name one thing: tool, prompt or resource");
            None
        }
    };
    let scope = item.parsed("scope", item.required("scope"), Scope::new);
    let read_only = item.flag("read_only");
    item.finish();
    let (kind, name) = one?;
    Some(CatalogueItem { kind, name: name.to_owned(), scope: scope?, read_only: read_only?.unwrap_or(false) })
}
