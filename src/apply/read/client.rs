//! `[[tenant.client]]`

use serde::Deserialize as _;
use toml::de::ValueDeserializer;

use super::{
    Item, ReadContext,
    secret::{self, Given},
};
use crate::{
    apply::document::{ClientDoc, OwnGrant, SecretDoc},
    clients::{
        jwks::{BadKeys, ClientKeys},
        metadata::{ApplicationType, AuthMethod, DEVICE_CODE, GrantType, KeysUri, Metadata, ResponseType, WebUri},
        redirect::{CustomSchemes, RedirectUri},
    },
    ids::{ClientId, Slug},
    policy::{Scope, ScopeSet},
    secret::{Handle, HandleKind},
    tenants::Settings,
};

pub(super) fn read(
    mut item: Item<'_>,
    tenant: &str,
    settings: &Settings,
    context: ReadContext<'_>,
) -> Option<ClientDoc> {
    let id = item.parsed("id", item.required("id"), ClientId::parse);
    if let Some(id) = &id {
        item.name = format!("client {tenant}/{id}");
        if id.is_document() {
            item.problem(
                "id",
                "must not be an address: clients with one describe themselves, and need not be written down",
            );
        }
        if id.as_str().starts_with("c_") {
            item.problem("id", "must not begin with c_: such names are for clients that register themselves");
        }
    }
    let method = item.word(
        "auth_method",
        AuthMethod::None,
        "\"none\", \"private_key_jwt\", \"client_secret_basic\" or \"client_secret_post\"",
        |word| AuthMethod::ALL.into_iter().find(|method| method.name() == word),
    );
    let secret = method.and_then(|method| secret(&item, method, context));
    let own = own(&item, method);
    let machine = own.as_ref().is_some_and(|own| !own.is_empty());
    let metadata = metadata(&item, method, settings, machine);
    let enabled = item.flag("enabled");
    item.finish();
    Some(ClientDoc {
        id: id?,
        metadata: metadata?,
        secret: secret?,
        own: own?,
        enabled: enabled?,
        line: Some(item.line()),
    })
}

/// What the client may do for itself. `None` on a mistake.
fn own(item: &Item<'_>, method: Option<AuthMethod>) -> Option<Vec<OwnGrant>> {
    const KEY: &str = "client_credentials";
    let mut good = true;
    let mut own: Vec<OwnGrant> = Vec::new();
    for grant in item.tables(KEY, |n| format!("{}, client_credentials {n}", item.name)) {
        let server = grant.parsed("server", grant.required("server"), Slug::parse);
        if !grant.has("scopes") {
            grant.problem("scopes", "is required: what the client may do on that server");
        }
        let scopes = grant.list("scopes", Scope::new).map(|scopes| scopes.into_iter().collect::<ScopeSet>());
        if scopes.as_ref().is_some_and(ScopeSet::is_empty) {
            grant.problem("scopes", "is empty: name at least one scope");
        }
        grant.finish();
        let read = server.zip(scopes.filter(|scopes| !scopes.is_empty()));
        good &= read.is_some();
        own.extend(read.map(|(server, scopes)| OwnGrant { server, scopes }));
    }
    item.value(KEY);
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = own.iter().find(|grant| !seen.insert(grant.server.as_str())) {
        item.problem(KEY, format_args!("names the server {} twice; keep one", twice.server));
        good = false;
    }
    if !own.is_empty() && method == Some(AuthMethod::None) {
        item.problem(KEY, "is only for clients that prove themselves: choose another auth_method");
        good = false;
    }
    good.then_some(own)
}

fn metadata(item: &Item<'_>, method: Option<AuthMethod>, settings: &Settings, machine: bool) -> Option<Metadata> {
    let name = item.required("name").map(str::to_owned);
    let schemes = CustomSchemes::known_and(&settings.redirect_schemes);
    let grant_types = grant_types(item, machine);
    let by_browser = grant_types.as_ref().is_none_or(|grants| grants.contains(&GrantType::AuthorizationCode));
    if by_browser && !item.has("redirect_uris") {
        item.problem("redirect_uris", "is required: where answers to this client may go");
    }
    let uris = if item.value("redirect_uris").is_some() || by_browser {
        item.list("redirect_uris", |uri| RedirectUri::register(uri, &schemes))
    } else {
        Some(Vec::new())
    };
    if by_browser && uris.as_ref().is_some_and(Vec::is_empty) {
        item.problem("redirect_uris", "is empty: name at least one place where answers may go");
    }
    let web = |key| {
        let parse = |text: &str| WebUri::parse(text).ok_or("it must be an http or https address");
        item.parsed(key, item.text(key), parse)
    };
    let (client_uri, logo_uri, tos_uri, policy_uri) =
        (web("client_uri"), web("logo_uri"), web("tos_uri"), web("policy_uri"));
    let contacts = item.list("contacts", |text| Ok::<_, String>(text.to_owned())).unwrap_or_default();
    let application_type = item.word("application_type", None, "\"native\" or \"web\"", |word| match word {
        "native" => Some(Some(ApplicationType::Native)),
        "web" => Some(Some(ApplicationType::Web)),
        _ => None,
    });
    let jwks = method.and_then(|method| jwks(item, method));
    let place = "it must be an https address in its plain spelling, with a path";
    let jwks_uri = item.parsed("jwks_uri", item.text("jwks_uri"), |text| KeysUri::parse(text).ok_or(place));
    Some(Metadata {
        client_name: Some(name?),
        jwks: jwks?,
        jwks_uri,
        response_types: if by_browser { vec![ResponseType::Code] } else { Vec::new() },
        grant_types: grant_types?,
        client_uri,
        logo_uri,
        tos_uri,
        policy_uri,
        contacts,
        application_type: application_type?,
        ..Metadata::new(uris?, method?)
    })
}

/// What the client may ask for tokens with; a machine that names no place for answers, only for itself. `None` on a mistake.
fn grant_types(item: &Item<'_>, machine: bool) -> Option<Vec<GrantType>> {
    let own = machine.then_some(GrantType::ClientCredentials);
    if item.value("grant_types").is_none() {
        let by_person = [GrantType::AuthorizationCode, GrantType::RefreshToken];
        let people = item.has("redirect_uris") || !machine;
        return Some(by_person.into_iter().filter(|_| people).chain(own).collect());
    }
    let known = [
        ("authorization_code", GrantType::AuthorizationCode),
        ("refresh_token", GrantType::RefreshToken),
        (DEVICE_CODE, GrantType::DeviceCode),
    ];
    let asked: Vec<GrantType> = item.list("grant_types", |word| {
        let grant = known.into_iter().find(|(name, _)| *name == word).map(|(_, grant)| grant);
        grant.ok_or("authorization_code, refresh_token and urn:ietf:params:oauth:grant-type:device_code are known")
    })?;
    let grants: Vec<GrantType> =
        known.into_iter().map(|(_, grant)| grant).filter(|grant| asked.contains(grant)).collect();
    if grants.iter().all(|grant| *grant == GrantType::RefreshToken) {
        item.problem("grant_types", "must hold a grant to begin with: authorization_code, or that of devices");
        return None;
    }
    Some(grants.into_iter().chain(own).collect())
}

/// The keys that go with `method`. `None` on a mistake, `Some(None)` where there are none to have.
fn jwks(item: &Item<'_>, method: AuthMethod) -> Option<Option<ClientKeys>> {
    let signs = method == AuthMethod::PrivateKeyJwt;
    if item.has("jwks_uri") && (!signs || item.has("jwks")) {
        item.problem("jwks_uri", "goes with private_key_jwt, instead of jwks");
        return None;
    }
    let wanted = signs && !item.has("jwks_uri");
    match (item.value("jwks"), wanted) {
        (None, false) => Some(None),
        (None, true) => {
            item.problem(
                "jwks",
                "or jwks_uri is required with private_key_jwt: { keys = [{ kty = \"OKP\", … }] }, public keys only",
            );
            None
        }
        (Some(_), false) => {
            item.problem("jwks", "is of no use with this auth_method: take it away, or choose private_key_jwt");
            None
        }
        (Some((value, offset)), true) => {
            let value = toml::Spanned::new(offset..offset, value.clone());
            let value = serde_json::Value::deserialize(ValueDeserializer::from(value)).map_err(|_| BadKeys::Shape);
            value.and_then(|value| ClientKeys::read(&value)).map(Some).map_err(|bad| item.problem("jwks", bad)).ok()
        }
    }
}

/// The secret that goes with `method`. `None` on a mistake, `Some(None)` where there is none to have.
fn secret(item: &Item<'_>, method: AuthMethod, context: ReadContext<'_>) -> Option<Option<SecretDoc>> {
    let wanted = method.has_secret();
    if !item.has("secret") {
        item.value("secret");
        if wanted {
            item.problem("secret", "is required with this auth_method: { file = \"…\" } or { env = \"…\" }");
            return None;
        }
        return Some(None);
    }
    let given = secret::read(item, "secret", context.directory)?;
    if !wanted {
        item.problem("secret", "is of no use with this auth_method: take it away, or choose another method");
        return None;
    }
    match given {
        Given::Clear(text) => {
            let make = "it is no client secret of Sallyport's making; make one with `sallyport client secret`";
            let parse = |text: &str| Handle::parse(HandleKind::ClientSecret, text).map_err(|_| make);
            item.parsed("secret", Some(text.expose()), parse).map(|handle| Some(SecretDoc(handle)))
        }
        Given::Hash(_) => {
            item.problem(
                "secret",
                "cannot be a hash: what is stored is keyed with the pepper of this installation, so nobody can \
                 compute it elsewhere; use { file = \"…\" } or { env = \"…\" }",
            );
            None
        }
    }
}
