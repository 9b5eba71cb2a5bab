//! What the form of a provider says, and what it shows.

use std::collections::BTreeMap;

use crate::{
    apply::edit::ProviderForm,
    clients::jwks,
    console::{Desk, deed::Wrong},
    http::{form::Form, pages::console::Input, trouble::Trouble},
    people::oidc::{Accounts, OnLogout, Provider, ProviderSettings, RoleRule},
    secret::SecretText,
};

const METHODS: &[(&str, &str)] = &[
    ("client_secret_basic", "A client secret, in a header (client_secret_basic)"),
    ("client_secret_post", "A client secret, in the request (client_secret_post)"),
    ("none", "Nothing: it knows this place as a public client (none)"),
];

const ACCOUNTS: &[(&str, &str)] = &[
    ("known", "Nobody new: only whom it is known for"),
    ("create", "Whoever comes for the first time, and fits the rest, gets an account"),
];

const LOGOUT: &[(&str, &str)] =
    &[("grants", "Their sessions here, and what they allowed to programs"), ("sessions", "Their sessions here")];

const IN_USE: &[(&str, &str)] = &[("no", "Not yet: it is tested first, and enabled then"), ("yes", "At once")];

/// The fields as somebody typed them, but for the secret, which is never shown.
pub(super) struct Filled {
    slug: String,
    name: String,
    issuer: String,
    client_id: String,
    auth_method: String,
    accounts: String,
    domains: String,
    claims: String,
    username: String,
    roles: String,
    factors: String,
    logout: String,
    scopes: String,
    algorithms: Vec<&'static str>,
    /// Whether a new one is in use from the beginning.
    pub(super) in_use: bool,
}

/// The algorithms, each with its own box to tick.
fn algorithms() -> impl Iterator<Item = &'static str> {
    jwks::ALGORITHMS.into_iter().map(jwks::name)
}

/// Reads the form, and the secret if one was typed.
pub(super) fn read(desk: &Desk, form: &Form) -> Result<(Filled, Option<SecretText>), Trouble> {
    let one = |name| desk.one(form, name).map(|text| text.trim().to_owned());
    let secret = desk.one(form, "client_secret")?.trim();
    let secret = (!secret.is_empty()).then(|| SecretText::new(secret.to_owned()));
    let mut chosen = Vec::new();
    for name in algorithms() {
        if desk.one(form, name)? == "yes" {
            chosen.push(name);
        }
    }
    let filled = Filled {
        slug: one("slug")?,
        name: one("name")?,
        issuer: one("issuer")?,
        client_id: one("client_id")?,
        auth_method: one("auth_method")?,
        accounts: one("accounts")?,
        domains: one("email_domains")?,
        claims: one("required_claims")?,
        username: one("username_claim")?,
        roles: one("roles")?,
        factors: one("multi_factor")?,
        logout: one("logout")?,
        scopes: one("scopes")?,
        algorithms: chosen,
        // A form without the field is of one that is in use already, or is to be.
        in_use: one("in_use")? != "no",
    };
    Ok((filled, secret))
}

impl Filled {
    /// What is proposed for a new one.
    pub(super) fn new() -> Self {
        let filled = Self::with(&ProviderSettings::default(), ["", "", "", "", "client_secret_basic"]);
        Self { in_use: false, ..filled }
    }

    /// As it is.
    pub(super) fn of(provider: &Provider) -> Self {
        let row = &provider.row;
        Self::with(&provider.settings, [&row.slug, &row.name, &row.issuer, &row.client_id, &row.auth_method])
    }

    /// With what never changes, and is no part of the form.
    pub(super) fn of_the_same(self, provider: &Provider) -> Self {
        Self { slug: provider.row.slug.clone(), issuer: provider.row.issuer.clone(), ..self }
    }

    fn with(settings: &ProviderSettings, facts: [&str; 5]) -> Self {
        let [slug, name, issuer, client_id, auth_method] = facts.map(str::to_owned);
        let claim = |(claim, value): (&String, &String)| format!("{claim} = {value}");
        let role = |rule: &RoleRule| format!("{} = {} => {}", rule.claim, rule.value, rule.role);
        let takes = |name: &&str| settings.algorithms.iter().any(|own| jwks::algorithm(own) == jwks::algorithm(name));
        Self {
            slug,
            name,
            issuer,
            client_id,
            auth_method,
            accounts: if settings.accounts == Accounts::Create { "create" } else { "known" }.to_owned(),
            domains: settings.email_domains.join(" "),
            claims: settings.required_claims.iter().map(claim).collect::<Vec<_>>().join("\n"),
            username: settings.username_claim.clone(),
            roles: settings.roles.iter().map(role).collect::<Vec<_>>().join("\n"),
            factors: settings.multi_factor.join(" "),
            logout: if settings.logout == OnLogout::Sessions { "sessions" } else { "grants" }.to_owned(),
            scopes: settings.scopes.join(" "),
            algorithms: algorithms().filter(takes).collect(),
            in_use: true,
        }
    }

    /// What the form says, and what of it cannot be read: that is as it would be for a new one.
    pub(super) fn form(&self) -> (ProviderForm, Vec<Wrong>) {
        let mut wrong = Vec::new();
        let mut tell = |field: &str, why: String| wrong.push(Wrong::new(field, why));
        let accounts = match self.accounts.as_str() {
            "create" => Accounts::Create,
            word => {
                if !matches!(word, "" | "known") {
                    tell("accounts", "say how accounts come".to_owned());
                }
                Accounts::Known
            }
        };
        let logout = match self.logout.as_str() {
            "sessions" => OnLogout::Sessions,
            word => {
                if !matches!(word, "" | "grants") {
                    tell("logout", "say what a logout there ends".to_owned());
                }
                OnLogout::Grants
            }
        };
        let mut taken: Vec<String> = self.algorithms.iter().map(|name| (*name).to_owned()).collect();
        if taken.is_empty() {
            let field = algorithms().next().unwrap_or_default();
            tell(field, "tick at least one algorithm that its ID tokens may be signed with".to_owned());
            taken = ProviderSettings::default().algorithms;
        }
        let settings = ProviderSettings {
            scopes: words(&self.scopes),
            algorithms: taken,
            accounts,
            email_domains: words(&self.domains),
            required_claims: claims(&self.claims).unwrap_or_else(|why| {
                tell("required_claims", why);
                BTreeMap::new()
            }),
            username_claim: self.username.clone(),
            roles: roles(&self.roles).unwrap_or_else(|why| {
                tell("roles", why);
                Vec::new()
            }),
            multi_factor: words(&self.factors),
            logout,
        };
        let form = ProviderForm {
            slug: self.slug.clone(),
            name: self.name.clone(),
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            auth_method: self.auth_method.clone(),
            settings,
        };
        (form, wrong)
    }
}

/// Words between spaces, commas and ends of lines.
fn words(text: &str) -> Vec<String> {
    let is_between = |sign: char| sign.is_whitespace() || sign == ',';
    text.split(is_between).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// `tid = 1234`: one a line.
fn claims(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut claims = BTreeMap::new();
    for line in lines(text) {
        let pair = line.split_once('=').map(|(claim, value)| (claim.trim(), value.trim()));
        let (claim, value) = pair
            .filter(|(claim, value)| !claim.is_empty() && !value.is_empty())
            .ok_or_else(|| format!("required claims: \"{}\" is not CLAIM = VALUE", shown(line)))?;
        if claims.insert(claim.to_owned(), value.to_owned()).is_some() {
            return Err(format!("required claims: \"{}\" is there twice", shown(claim)));
        }
    }
    Ok(claims)
}

/// `groups = ops => administrator`: one a line.
fn roles(text: &str) -> Result<Vec<RoleRule>, String> {
    let rule = |line: &str| {
        let (left, role) = line.rsplit_once("=>")?;
        let (claim, value) = left.split_once('=')?;
        let [claim, value, role] = [claim, value, role].map(|part| part.trim().to_owned());
        (!claim.is_empty() && !value.is_empty()).then_some(RoleRule { claim, value, role })
    };
    let read = |line| rule(line).ok_or_else(|| format!("roles: \"{}\" is not CLAIM = VALUE => ROLE", shown(line)));
    lines(text).map(read).collect()
}

/// What somebody typed, in a message to them.
fn shown(text: &str) -> String {
    text.chars().filter(|sign| !sign.is_control()).take(60).collect()
}

/// The fields. The issuer and the name in addresses are chosen once.
pub(super) fn inputs(filled: &Filled, new: bool) -> Vec<Input> {
    let mut inputs = vec![Input::text("name", "Name", "What its button says: \"Continue with …\".", &filled.name)];
    if new {
        let issuer = "As its metadata has it, letter by letter, such as https://login.example.com/realms/staff. It never changes: \
                      another issuer is another provider.";
        let slug = "Small letters, digits and hyphens. It is part of the addresses that the provider is told, and never changes.";
        inputs.push(Input::text("issuer", "Issuer", issuer, &filled.issuer));
        inputs.push(Input::text("slug", "Name in addresses", slug, &filled.slug));
    }
    inputs.extend(of_us(filled, new));
    inputs.extend(of_people(filled));
    inputs.extend(of_tokens(filled));
    if new {
        let hint = "People see its button on the login page while it is in use.";
        inputs.push(Input::select("in_use", "In use", hint, IN_USE, if filled.in_use { "yes" } else { "no" }));
    }
    inputs
}

fn of_us(filled: &Filled, new: bool) -> [Input; 3] {
    let secret = if new {
        "As the provider gave it. It is kept sealed, and never shown again."
    } else {
        "Empty: the one that is kept stays. It is never shown."
    };
    [
        Input::text("client_id", "Client id", "What the provider calls this place.", &filled.client_id),
        Input::select("auth_method", "Proves itself with", "As the provider expects it.", METHODS, &filled.auth_method),
        Input::secret("client_secret", "Client secret", secret),
    ]
}

fn of_people(filled: &Filled) -> [Input; 6] {
    [
        Input::select("accounts", "Accounts", "Who may come by it.", ACCOUNTS, &filled.accounts),
        Input::text(
            "email_domains",
            "Accounts only for addresses in",
            "Domains, such as example.com. The provider must have verified the address. Empty: any.",
            &filled.domains,
        ),
        Input::area(
            "required_claims",
            "Only with these claims",
            "At each login. One a line, such as tid = 9188040d. Empty: any.",
            &filled.claims,
        ),
        Input::text(
            "username_claim",
            "New accounts are named after the claim",
            "Empty: preferred_username, else email, else sub.",
            &filled.username,
        ),
        Input::area(
            "roles",
            "Roles by claims",
            "For as long as the login lasts: administrator or auditor. One a line, such as groups = ops => administrator.",
            &filled.roles,
        ),
        Input::select("logout", "A logout there ends", "When the provider says so.", LOGOUT, &filled.logout),
    ]
}

fn of_tokens(filled: &Filled) -> Vec<Input> {
    let mut inputs = vec![
        Input::text(
            "multi_factor",
            "Second factor seen there",
            "Values of amr by which it says so, such as mfa. Empty: Sallyport asks for its own.",
            &filled.factors,
        ),
        Input::text("scopes", "Scopes", "What is asked for beside openid.", &filled.scopes),
    ];
    let tick = |name: &'static str| {
        let label = format!("ID tokens may be signed with {name}");
        Input::check(name, &label, "", filled.algorithms.contains(&name))
    };
    inputs.extend(algorithms().map(tick));
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_claims_and_roles_or_are_told() {
        let read = claims(" tid = a=b \r\n\r\nhd=example.com\n").unwrap();
        assert_eq!(read.iter().map(|(a, b)| format!("{a}|{b}")).collect::<Vec<_>>(), ["hd|example.com", "tid|a=b"]);
        for wrong in ["tid", "= a", "tid =", "tid = a\ntid = b"] {
            assert!(claims(wrong).is_err(), "{wrong}");
        }
        let read = roles("https://x/groups = a => b => auditor").unwrap();
        let [RoleRule { claim, value, role }] = read.as_slice() else { panic!("{read:?}") };
        assert_eq!((claim.as_str(), value.as_str(), role.as_str()), ("https://x/groups", "a => b", "auditor"));
        for wrong in ["groups => auditor", "groups = ops", "= ops => auditor", "groups = => auditor"] {
            assert!(roles(wrong).is_err(), "{wrong}");
        }
        assert_eq!(words(" a, b\nc,,"), ["a", "b", "c"]);
    }

    #[test]
    fn a_form_that_is_sent_as_it_came_changes_nothing() {
        let settings = ProviderSettings {
            accounts: Accounts::Create,
            email_domains: vec!["example.com".into(), "example.org".into()],
            required_claims: [("tid".to_owned(), "a = b".to_owned())].into(),
            roles: vec![RoleRule { claim: "groups".into(), value: "o => p".into(), role: "auditor".into() }],
            multi_factor: vec!["mfa".into()],
            algorithms: vec!["ES256".into()],
            logout: OnLogout::Sessions,
            ..ProviderSettings::default()
        };
        let filled = Filled::with(&settings, ["", "", "", "", "none"]);
        assert_eq!(filled.form().0.settings, settings);
    }
}
