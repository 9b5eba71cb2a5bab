//! Asks a provider what it says of itself, now, and says what is wrong with it: for administrators. No login goes by this.

use serde_json::{Map, Value};

use super::{Provider, metadata};
use crate::{
    app::App,
    clients::jwks::{self, ClientKeys},
    config::PublicUrl,
    ids::is_document_address,
    mcp::json,
    tenants::{Tenant, is_ours},
    upstream::{Asker, FetchError},
};

/// The most keys in a set, as for outside issuers.
const MOST_KEYS: usize = 100;
/// The longest text of a provider that is repeated, in characters.
const LONGEST: usize = 100;
/// Names of a list that are repeated.
const MOST_NAMES: usize = 8;

/// What a look at one thing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Logins work, and something could be better.
    Mind,
    /// Logins do not work.
    Wrong,
    /// Nobody can tell from here.
    Untested,
}

/// What was looked at, what was found, and what to do.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What.
    pub what: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found. It may repeat words of the provider, cut short.
    pub found: String,
    /// What to do; empty where nothing is to be done.
    pub advice: &'static str,
}

impl Finding {
    fn new(what: &'static str, verdict: Verdict, found: impl Into<String>, advice: &'static str) -> Self {
        Self { what, verdict, found: found.into(), advice }
    }

    fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self::new(what, Verdict::Good, found, "")
    }

    fn mind(what: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self::new(what, Verdict::Mind, found, advice)
    }

    fn wrong(what: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self::new(what, Verdict::Wrong, found, advice)
    }
}

/// Fetches a provider's metadata and keys, as a login would, and looks at them step by step.
pub async fn check(app: &App, tenant: &Tenant, provider: &Provider) -> Vec<Finding> {
    let mut findings = Vec::new();
    let document = match reach(app, tenant, &provider.row.issuer).await {
        Ok(document) => document,
        Err(finding) => {
            findings.push(finding);
            findings.push(untested());
            return findings;
        }
    };
    findings.push(Finding::good("Reached", "Its metadata was had, and can be read"));
    findings.extend(judge(&document, provider, &app.config.public_url));
    findings.push(keys(app, tenant, provider, &document).await);
    findings.push(untested());
    findings
}

fn untested() -> Finding {
    let advice =
        "Log in through it once, in another browser. If the provider refuses the code, one of them is not right.";
    Finding::new("Client id and secret", Verdict::Untested, "Only a login shows whether they are right", advice)
}

async fn reach(app: &App, tenant: &Tenant, issuer: &str) -> Result<Map<String, Value>, Finding> {
    let what = "Reached";
    let url = metadata::address(issuer).ok_or_else(|| {
        Finding::wrong(what, "No address can be made of its issuer", "Remove it, and add one with the right issuer.")
    })?;
    let fetched = app.providers.dialer.fetch(Asker::Configured, tenant.id, &url, metadata::MAX_BYTES).await;
    let fetched = fetched.map_err(|error| unreached(what, &error))?;
    object(&fetched.body).ok_or_else(|| {
        let advice = "Open the issuer followed by /.well-known/openid-configuration in a browser: it has to be one JSON object, \
                      with no member twice.";
        Finding::wrong(what, "What it answered is no JSON object that can be read", advice)
    })
}

fn object(body: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_str(json::check(body, metadata::MAX_DEPTH).ok()?).ok()
}

/// Says no more than the kind of the trouble: whoever asks here need not know what is in the network around.
fn unreached(what: &'static str, error: &FetchError) -> Finding {
    let advice = match error {
        FetchError::Busy => "Wait a minute, and test again.",
        FetchError::Unreached(_) => {
            "Check the spelling. It has to answer over https within 5 seconds, with a trusted certificate, at a public address, or \
             one that Sallyport's operator lets it reach; its log says more."
        }
        FetchError::Answer(_) => {
            "It has to answer 200 with JSON, of at most 256 KiB, and lead nowhere else. Check the spelling of the issuer, and \
             what its operator has put before it."
        }
    };
    Finding::wrong(what, sentence(&error.to_string()), advice)
}

/// What the metadata says (OpenID Connect Discovery §3). Pure.
fn judge(document: &Map<String, Value>, provider: &Provider, own: &PublicUrl) -> Vec<Finding> {
    vec![
        issuer(document, provider),
        addresses(document, own),
        code_flow(document),
        pkce(document),
        proof(document, provider),
        algorithms(document, provider),
        logout(document),
        names_itself(document),
    ]
}

fn issuer(document: &Map<String, Value>, provider: &Provider) -> Finding {
    let what = "Issuer";
    let advice = "Whoever that is, it is another issuer, even if only a slash differs. If you mean it, add a provider with exactly \
                  that issuer; it never changes.";
    match document.get("issuer").and_then(Value::as_str) {
        Some(issuer) if issuer == provider.row.issuer => Finding::good(what, "The same, letter by letter"),
        Some(other) => Finding::wrong(what, format!("It calls itself {}", cut(other)), advice),
        None => {
            Finding::wrong(what, "It does not say who it is", "This is no OpenID Connect provider: check the address.")
        }
    }
}

fn addresses(document: &Map<String, Value>, own: &PublicUrl) -> Finding {
    let what = "Addresses";
    let is_good = |name: &&&str| {
        let text = document.get(**name).and_then(Value::as_str);
        text.is_some_and(|text| is_document_address(text) && !is_ours(text, own))
    };
    let wanted = ["authorization_endpoint", "token_endpoint", "jwks_uri"];
    let bad: Vec<&str> = wanted.iter().filter(|name| !is_good(name)).copied().collect();
    if bad.is_empty() {
        return Finding::good(what, "Those for logins, tokens and keys can be used");
    }
    let advice = "Each has to be an https address in its plain spelling, and none of this installation. Only the operator of the \
                  provider can change that.";
    Finding::wrong(what, format!("Missing, or not to be used: {}", bad.join(", ")), advice)
}

fn code_flow(document: &Map<String, Value>) -> Finding {
    let what = "Code flow";
    let advice =
        "Allow the authorization code flow (response type \"code\") at the provider: Sallyport takes no other.";
    let (types, grants) = (names(document, "response_types_supported"), names(document, "grant_types_supported"));
    let lacks = |list: &Option<Vec<&str>>, name: &str| list.as_ref().is_some_and(|list| !list.contains(&name));
    if lacks(&types, "code") || lacks(&grants, "authorization_code") {
        return Finding::wrong(what, "It does not offer it", advice);
    }
    match types {
        Some(_) => Finding::good(what, "Offered"),
        None => Finding::mind(what, "It does not say which flows it offers", advice),
    }
}

fn pkce(document: &Map<String, Value>) -> Finding {
    let what = "PKCE";
    let advice = "Sallyport sends it in any case. Where the provider can, turn it on there, with S256: then a stolen code is of no \
                  use to anybody.";
    match names(document, "code_challenge_methods_supported") {
        Some(methods) if methods.contains(&"S256") => Finding::good(what, "It says that it checks S256"),
        Some(methods) => Finding::mind(what, format!("It knows {}, and not S256", listed(&methods)), advice),
        None => Finding::mind(what, "It does not say that it checks it", advice),
    }
}

fn proof(document: &Map<String, Value>, provider: &Provider) -> Finding {
    let (what, method) = ("Proof", provider.row.auth_method.as_str());
    // What is meant where it says nothing (§3).
    let methods =
        names(document, "token_endpoint_auth_methods_supported").unwrap_or_else(|| vec!["client_secret_basic"]);
    if methods.contains(&method) {
        return Finding::good(what, format!("It takes {method}"));
    }
    let advice = "If logins fail after the provider's own page, choose one of those under Edit. Some providers take \"none\" of \
                  public clients without saying so.";
    Finding::mind(what, format!("It takes {}, and {method} is set here", listed(&methods)), advice)
}

fn algorithms(document: &Map<String, Value>, provider: &Provider) -> Finding {
    let what = "Algorithms";
    let Some(signs) = names(document, "id_token_signing_alg_values_supported") else {
        return Finding::mind(
            what,
            "It does not say what it signs ID tokens with",
            "Log in once to see whether it fits.",
        );
    };
    let fits = |named: &&&str| jwks::algorithm(named).is_some_and(|algorithm| provider.takes(algorithm));
    let good: Vec<&str> = signs.iter().filter(fits).copied().collect();
    if good.is_empty() {
        let advice = "Let it sign with ES256, RS256, PS256 or EdDSA, and tick that under Edit. HS256 and \"none\" are never taken.";
        return Finding::wrong(what, format!("It signs with {}, and none is ticked here", listed(&signs)), advice);
    }
    Finding::good(what, format!("It can sign with {}", listed(&good)))
}

fn logout(document: &Map<String, Value>) -> Finding {
    let what = "Back-channel logout";
    if document.get("backchannel_logout_supported") == Some(&Value::Bool(true)) {
        return Finding::good(what, "It tells when somebody is logged out there, once it knows the address for it");
    }
    let advice = "Whoever is logged out there stays logged in here until their login ends: make logins shorter in the settings, if \
                  that matters.";
    Finding::mind(what, "It does not say that it tells of logouts", advice)
}

fn names_itself(document: &Map<String, Value>) -> Finding {
    let what = "Names itself in answers";
    if document.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)) {
        return Finding::good(what, "Yes (RFC 9207): an answer of somebody else is told apart");
    }
    let advice =
        "Nothing has to be done: each provider has a redirect URI of its own here, which tells answers apart, too.";
    Finding::mind(what, "It does not say so (RFC 9207)", advice)
}

async fn keys(app: &App, tenant: &Tenant, provider: &Provider, document: &Map<String, Value>) -> Finding {
    let what = "Keys";
    let place = document.get("jwks_uri").and_then(Value::as_str);
    let place = place.filter(|text| is_document_address(text) && !is_ours(text, &app.config.public_url));
    let Some(url) = place.and_then(|text| url::Url::parse(text).ok()) else {
        return Finding::wrong(
            what,
            "It does not say where they are",
            "Only the operator of the provider can change that.",
        );
    };
    match app.providers.dialer.fetch(Asker::Configured, tenant.id, &url, metadata::MAX_BYTES).await {
        Ok(fetched) => read_keys(&fetched.body, provider),
        Err(error) => unreached(what, &error),
    }
}

/// What a key set says. Pure.
fn read_keys(body: &[u8], provider: &Provider) -> Finding {
    let what = "Keys";
    let Some(set) = object(body).map(Value::Object) else {
        let advice = "The provider has to publish a JSON Web Key Set at its jwks_uri. Ask its operator.";
        return Finding::wrong(what, "What is there is no JSON object that can be read", advice);
    };
    let keys = match ClientKeys::read_at_most(&set, MOST_KEYS) {
        Ok(keys) => keys,
        Err(bad) => {
            let advice = "Its operator has to publish public keys, for signatures, each with a name of its own.";
            return Finding::wrong(what, format!("Its key set {bad}"), advice);
        }
    };
    let count = set.get("keys").and_then(Value::as_array).map_or(0, Vec::len);
    let all = if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
    let fitting = jwks::ALGORITHMS.into_iter().filter(|algorithm| provider.takes(*algorithm));
    let fitting = fitting.map(|algorithm| (jwks::name(algorithm), keys.candidates(algorithm, None).count()));
    let fitting: Vec<String> = fitting.filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} for {name}")).collect();
    if fitting.is_empty() {
        let advice = "Tick the algorithm of its keys under Edit, or have it sign with one that is ticked.";
        return Finding::wrong(what, format!("{all}, and none for an algorithm that is ticked here"), advice);
    }
    Finding::good(what, format!("{all}: {}", fitting.join(", ")))
}

/// A list of texts. None: there is none.
fn names<'a>(document: &'a Map<String, Value>, member: &str) -> Option<Vec<&'a str>> {
    Some(document.get(member)?.as_array()?.iter().filter_map(Value::as_str).collect())
}

/// A list of the provider's words, for people.
fn listed(names: &[&str]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let some = names.iter().take(MOST_NAMES).map(|name| cut(name)).collect::<Vec<_>>().join(", ");
    cut(&if names.len() > MOST_NAMES { format!("{some}, and more") } else { some })
}

/// What a provider says, no longer than fits.
fn cut(text: &str) -> String {
    let mut signs = text.chars().filter(|sign| !sign.is_control());
    let short: String = signs.by_ref().take(LONGEST).collect();
    if signs.next().is_some() { format!("{short}\u{2026}") } else { short }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{ids::ProviderId, people::oidc::ProviderSettings, store::providers::ProviderRow};

    fn provider() -> Provider {
        let row = ProviderRow {
            id: ProviderId(uuid::Uuid::nil()),
            slug: "idp".into(),
            name: "IdP".into(),
            issuer: "https://idp.example".into(),
            client_id: "c".into(),
            auth_method: "client_secret_post".into(),
            secret: None,
            settings: serde_json::to_value(ProviderSettings::default()).unwrap(),
            status: "active".into(),
            version: 1,
        };
        Provider::of(row).unwrap()
    }

    #[test]
    fn whatever_a_provider_says_fits_on_the_page_in_full() {
        let own = PublicUrl::parse("https://gw.example.com").unwrap();
        let long = "\u{1f600}\n".repeat(10_000);
        let many = vec![json!(long); 50];
        let names = [
            "issuer",
            "jwks_uri",
            "response_types_supported",
            "grant_types_supported",
            "code_challenge_methods_supported",
            "token_endpoint_auth_methods_supported",
            "id_token_signing_alg_values_supported",
        ];
        for value in [json!(long), json!(many), json!(null), json!({}), json!([[], 1, "x"])] {
            let document: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
            let mut findings = judge(&document, &provider(), &own);
            findings.push(read_keys(value.to_string().as_bytes(), &provider()));
            findings.push(untested());
            findings.push(unreached("x", &FetchError::Unreached("10.0.0.7 said no".to_owned())));
            findings.push(unreached("x", &FetchError::Answer("the answer is too large")));
            for Finding { what, found, advice, .. } in findings {
                assert!(found.chars().count() <= 200 && advice.chars().count() <= 200, "{what}: {found} {advice}");
                assert!(!found.contains(char::is_control) && !found.contains("10.0.0.7"), "{found}");
            }
        }
    }
}
