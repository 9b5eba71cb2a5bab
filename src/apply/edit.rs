//! One object of one tenant, changed as a form says it: the same checks, the same plan and the same writes as a file's, but
//! whoever edits says what they saw, and finds out if somebody was quicker.

mod provider;

use provider::Changed;
pub use provider::{ProviderChange, ProviderForm};

use super::{
    ApplyError, Document, Mistakes, PolicyDoc, Prepared, Problem, ProviderDoc, Prune, ReadContext, ServerDoc,
    TenantDoc, Tools,
    diff::{self, TenantSteps},
    plan::{Kind, Plan},
    published::Published,
    read::settings_problems,
    state::State,
    step::{Removed, Step, Write, removal},
};
use crate::{
    cluster::Node,
    config::PublicUrl,
    ids::Slug,
    keys::SigningAlg,
    secret::hex,
    store::{self, StoreError},
    tenants::{EraSetting, LoginPolicy, RegistrationRule, Settings},
};

/// The longest name of a tenant, in characters.
const NAME: usize = 100;

/// What is to become different.
#[derive(Debug)]
pub enum Edit {
    /// A server that is not there yet.
    NewServer(Box<ServerDoc>),
    /// A server that was seen in this version.
    Server {
        /// Which.
        slug: Slug,
        /// Its version when it was looked at.
        seen: i64,
        /// What.
        change: ServerChange,
    },
    /// Whether the tenant works.
    Enabled(bool),
    /// The tenant goes, if it is disabled already.
    Remove,
    /// An identity provider that is not there yet.
    NewProvider(Box<ProviderDoc>),
    /// An identity provider that was seen in this version.
    Provider {
        /// Which.
        slug: Slug,
        /// Its version when it was looked at.
        seen: i64,
        /// What.
        change: ProviderChange,
    },
    /// The tenant's name and settings.
    Tenant {
        /// [`fingerprint`] of what was looked at.
        seen: String,
        /// The name for people.
        name: String,
        /// The settings, whole.
        settings: Box<Settings>,
    },
}

/// What becomes different of a server.
#[derive(Debug)]
pub enum ServerChange {
    /// Everything but scopes, catalogue, secrets and outside issuers.
    Facts(Box<ServerDoc>),
    /// Scopes and catalogue, as far as it says anything of them.
    Policy(PolicyDoc),
    /// Whether it works.
    Enabled(bool),
    /// It goes.
    Remove,
}

/// What a form says of a server.
#[derive(Clone, Debug, Default)]
pub struct ServerForm {
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where it really is.
    pub upstream: String,
    /// `aud` of the inner JWT. Empty: the upstream's address.
    pub audience: String,
    /// `auto`, `modern` or `legacy`.
    pub era: String,
    /// `EdDSA` or `ES256`.
    pub signing: String,
}

impl ServerForm {
    /// Checks what the form says, by the rules for a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(&self, tenant: &Slug, public_url: &PublicUrl) -> Result<ServerDoc, Mistakes> {
        let keys = [
            ("slug", &self.slug),
            ("name", &self.name),
            ("description", &self.description),
            ("upstream", &self.upstream),
            ("audience", &self.audience),
            ("era", &self.era),
            ("signing", &self.signing),
        ];
        let document = document(tenant, public_url, "server", &lines(keys)?)?;
        let server = document.tenants.into_iter().flat_map(|tenant| tenant.servers).next();
        server.ok_or_else(|| said("the form says nothing of a server".to_owned()))
    }
}

/// What can be edited of a tenant, one object at a time.
#[derive(Clone, Debug)]
pub struct TenantForm {
    /// Its name for people.
    pub name: String,
    /// Who may register clients.
    pub registration: RegistrationRule,
    /// How many registered clients there may be. None: the usual number.
    pub max_registered_clients: Option<u32>,
    /// For how many days an unused one is kept. None: the usual time.
    pub unused_client_days: Option<u16>,
    /// The server that is meant where a request names none.
    pub default_server: Option<Slug>,
    /// How people log in.
    pub login: LoginPolicy,
}

impl TenantForm {
    /// The settings with what the form says.
    pub fn onto(&self, settings: &Settings) -> Settings {
        Settings {
            registration: self.registration,
            max_registered_clients: self.max_registered_clients,
            unused_client_days: self.unused_client_days,
            default_server: self.default_server.clone(),
            login: self.login,
            ..settings.clone()
        }
    }
}

/// What a tenant's name and settings cannot be: which of them, and why.
pub fn tenant_problems(name: &str, settings: &Settings) -> Vec<(&'static str, String)> {
    let mut problems = settings_problems(settings);
    if !(1..=NAME).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        problems.push(("name", format!("must be one line of 1 to {NAME} characters")));
    }
    problems
}

/// The text of a file for what a form has filled in.
fn lines<const N: usize>(keys: [(&str, &String); N]) -> Result<String, Mistakes> {
    let mut text = String::new();
    for (key, value) in keys.into_iter().filter(|(_, value)| !value.is_empty()) {
        if value.chars().any(char::is_control) {
            return Err(said(format!("{key} has a character that cannot be seen; type it anew")));
        }
        // Without control characters a JSON string is a basic string of TOML.
        text.push_str(&format!("{key} = {}\n", serde_json::Value::from(value.as_str())));
    }
    Ok(text)
}

/// A document with one object of a tenant.
fn document(tenant: &Slug, public_url: &PublicUrl, kind: &str, lines: &str) -> Result<Document, Mistakes> {
    let text = format!("[[tenant]]\nslug = \"{tenant}\"\nname = \"-\"\n[[tenant.{kind}]]\n{lines}");
    let context = ReadContext { file: "", directory: std::path::Path::new(""), public_url };
    Document::read(&text, context).map_err(without_lines)
}

fn said(message: String) -> Mistakes {
    Mistakes::of("", vec![Problem { line: None, object: String::new(), message }])
}

fn without_lines(mistakes: Mistakes) -> Mistakes {
    let plain = |problem: Problem| Problem { line: None, object: String::new(), ..problem };
    Mistakes::of("", mistakes.problems.into_iter().map(plain).collect())
}

/// What stands for a tenant's name and settings, as they are.
pub fn fingerprint(name: &str, settings: &Settings) -> String {
    let settings = serde_json::to_vec(settings).unwrap_or_default();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &[name.as_bytes(), b"\n", &settings].concat());
    hex(digest.as_ref().get(..16).unwrap_or_default())
}

/// Finds out what an edit does. Writes nothing.
///
/// # Errors
/// What does not fit; [`ApplyError::ChangedMeanwhile`] where it is not as it was when it was looked at.
pub async fn prepare<'a>(tools: Tools<'a>, tenant: &Slug, edit: Edit) -> Result<Prepared<'a>, ApplyError> {
    let mut tx = tools.store.platform_tx().await?;
    store::apply::lock(&mut tx).await?;
    let rows = store::apply::tenants(&mut tx).await?;
    let row = rows.into_iter().find(|row| row.slug == tenant.as_str());
    let row = row.ok_or_else(|| StoreError::corrupt(format!("the tenant {tenant} is not there")))?;
    let (tx, state) = State::read(tx, row, None).await?;
    let steps = steps(tools, tenant, &state, edit).await?;
    let changes = steps.steps.iter().map(|step| step.change.clone()).collect();
    let plan = Plan { changes, unchanged: steps.unchanged, notes: Vec::new() };
    Ok(Prepared { tools, tx, tenants: vec![steps], plan, marks: false })
}

/// Makes an edit: checked, committed, and in force on every node.
///
/// # Errors
/// As of [`prepare`]: nothing was changed.
pub async fn make(tools: Tools<'_>, node: &Node, tenant: &Slug, edit: Edit) -> Result<(), ApplyError> {
    let prepared = prepare(tools, tenant, edit).await?;
    if let Some(ticket) = prepared.commit().await? {
        node.settle(ticket).await?;
    }
    Ok(())
}

async fn steps(tools: Tools<'_>, slug: &Slug, state: &State, edit: Edit) -> Result<TenantSteps, ApplyError> {
    let mut doc = TenantDoc {
        slug: slug.clone(),
        name: state.row.name.clone(),
        settings: state.settings.clone(),
        enabled: None,
        servers: Vec::new(),
        people: Vec::new(),
        clients: Vec::new(),
        providers: Vec::new(),
        line: None,
    };
    let (mut removed, mut gone, mut problems) = (None, None, Vec::new());
    match edit {
        Edit::Enabled(enabled) => {
            let known = if enabled { "disabled" } else { "active" };
            if state.row.status != known {
                return Err(ApplyError::ChangedMeanwhile(format!("the tenant {slug}")));
            }
            doc.enabled = Some(enabled);
        }
        Edit::Remove => {
            if state.row.status != "disabled" {
                return Err(ApplyError::ChangedMeanwhile(format!("the tenant {slug}")));
            }
            return Ok(diff::removed(state));
        }
        Edit::NewServer(server) => {
            if state.servers.contains_key(server.slug.as_str()) {
                return Err(said(format!(
                    "slug is wrong: there is a server {} already: choose another name in addresses",
                    server.slug
                ))
                .into());
            }
            doc.servers.push(*server);
        }
        Edit::Server { slug, seen, change } => {
            let meanwhile = || ApplyError::ChangedMeanwhile(format!("the server {slug}"));
            let old = state.servers.get(slug.as_str()).ok_or_else(meanwhile)?;
            if old.row.version != seen {
                return Err(meanwhile());
            }
            match change {
                ServerChange::Remove => removed = Some(old.clone()),
                change => doc.servers.push(changed(old, change)?),
            }
        }
        Edit::NewProvider(new) => doc.providers.push(provider::new(state, *new)?),
        Edit::Provider { slug: own, seen, change } => match provider::changed(state, &own, seen, change)? {
            Changed::To(changed) => doc.providers.push(changed),
            Changed::Gone(row) => gone = Some(provider::removal(slug, row)),
        },
        Edit::Tenant { seen, name, settings } => {
            if fingerprint(&state.row.name, &state.settings) != seen {
                return Err(ApplyError::ChangedMeanwhile(format!("the tenant {slug}")));
            }
            let wrong = tenant_problems(&name, &settings).into_iter();
            problems.extend(wrong.map(|(key, message)| problem(&format!("{key} {message}"))));
            let refused_now = state.settings.login.passwords && !settings.login.passwords;
            if refused_now && !state.providers.values().any(|provider| provider.status == "active") {
                let message = "nobody could log in without a password: put an identity provider in use first";
                problems.push(problem(message));
            }
            (doc.name, doc.settings) = (name, *settings);
        }
    }
    let mut steps = diff::tenant(tools, &doc, Some(state), Prune::Nothing, &mut problems).await?;
    if let Some(server) = removed {
        if state.settings.default_server.as_ref().is_some_and(|default| default.as_str() == server.row.slug) {
            problems.push(problem("it is the default server of this tenant: choose another one in the settings first"));
        }
        let change = removal(Kind::Server, format!("{slug}/{}", server.row.slug));
        steps.steps.push(Step { change, write: Write::Remove(Removed::Server(Box::new(server))) });
    }
    steps.steps.extend(gone);
    if problems.is_empty() { Ok(steps) } else { Err(without_lines(Mistakes::of("", problems)).into()) }
}

fn problem(message: &str) -> Problem {
    Problem { line: None, object: String::new(), message: message.to_owned() }
}

/// The server as it is, but for the change.
fn changed(old: &Published, change: ServerChange) -> Result<ServerDoc, StoreError> {
    let row = &old.row;
    let mut doc = ServerDoc {
        slug: Slug::parse(&row.slug).map_err(StoreError::corrupt)?,
        name: row.name.clone(),
        description: row.description.clone(),
        upstream: row.upstream_url.clone(),
        audience: row.audience.clone(),
        era: EraSetting::parse(&row.era).ok_or_else(|| StoreError::corrupt("an era that is none"))?,
        signing: SigningAlg::parse(&row.signing_alg).ok_or_else(|| StoreError::corrupt("an algorithm that is none"))?,
        policy: PolicyDoc::default(),
        introspection_secrets: None,
        issuers: old.issuers.clone(),
        enabled: None,
        line: None,
    };
    match change {
        ServerChange::Facts(facts) => {
            let ServerDoc { name, description, upstream, audience, era, signing, .. } = *facts;
            doc = ServerDoc { name, description, upstream, audience, era, signing, ..doc };
        }
        ServerChange::Policy(policy) => doc.policy = policy,
        ServerChange::Enabled(enabled) => doc.enabled = Some(enabled),
        ServerChange::Remove => {}
    }
    Ok(doc)
}
