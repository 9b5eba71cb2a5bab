//! The settings about programs: how they come here, and what they may do.

use crate::{
    console::{Desk, deed::Wrong},
    http::{
        form::Form,
        pages::console::{Cell, Fact, Input},
        trouble::Trouble,
    },
    tenants::{AssertionAudience, MetadataDocuments, Settings, StatementIssuer},
};

const DOCUMENTS: &[(&str, &str)] = &[
    ("open", "Any program whose document can be read"),
    ("listed", "Those of the hosts below"),
    ("off", "None: it is not advertised"),
];
const DEVICES: &[(&str, &str)] = &[("yes", "May ask, and people type a code"), ("no", "May not ask")];
const AUDIENCES: &[(&str, &str)] = &[
    ("issuer_or_token_endpoint", "For the issuer, or for the token endpoint, as many programs do it"),
    ("issuer", "For the issuer only"),
];

/// What the form says. What it has no field for stays as it is.
#[derive(Default)]
pub(super) struct Programs {
    documents: Option<String>,
    hosts: Option<String>,
    schemes: Option<String>,
    statements: Option<String>,
    devices: Option<String>,
    audience: Option<String>,
    full_scopes: Option<String>,
    origins: Option<String>,
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn words(of: &[(&'static str, &'static str)], word: &str) -> Cell {
    Cell::Text(of.iter().find(|(known, _)| *known == word).map_or("", |(_, words)| *words).to_owned())
}

fn documents(settings: &Settings) -> (&'static str, Vec<String>) {
    match &settings.metadata_documents {
        MetadataDocuments::Open => ("open", Vec::new()),
        MetadataDocuments::Off => ("off", Vec::new()),
        MetadataDocuments::From(hosts) => ("listed", hosts.clone()),
    }
}

const fn audience(rule: AssertionAudience) -> &'static str {
    match rule {
        AssertionAudience::IssuerOrTokenEndpoint => "issuer_or_token_endpoint",
        AssertionAudience::Issuer => "issuer",
    }
}

const fn devices(settings: &Settings) -> &'static str {
    if settings.device_flow.is_on() { "yes" } else { "no" }
}

/// How they come here now.
pub(super) fn coming(settings: &Settings) -> Vec<Fact> {
    let (word, hosts) = documents(settings);
    let trusted = settings.software_statements.iter().map(|trusted| trusted.issuer.clone()).collect();
    let mut facts = vec![Fact::new("Programs with a document", words(DOCUMENTS, word))];
    facts.extend((!hosts.is_empty()).then(|| Fact::new("Hosts of documents", Cell::Names(hosts))));
    facts.extend([
        Fact::new("Who vouches for software", Cell::Names(trusted)),
        Fact::new("More redirect schemes", Cell::Names(settings.redirect_schemes.clone())),
    ]);
    facts
}

/// What they may do now; `absent`: of those that are asked for everything at once, the names that no client has.
pub(super) fn doing(settings: &Settings, absent: &[String]) -> Vec<Fact> {
    let named = |name: &String| match absent.contains(name) {
        true => format!("{name} (no client is called so)"),
        false => name.clone(),
    };
    vec![
        Fact::new("Devices without a browser", words(DEVICES, devices(settings))),
        Fact::new("Programs that sign", words(AUDIENCES, audience(settings.assertion_audience))),
        Fact::new("Asked for everything at once", Cell::Names(settings.full_scopes.iter().map(named).collect())),
        Fact::new("Web pages that may call", Cell::Names(settings.allowed_origins.clone())),
    ]
}

/// Whose documents are taken.
fn rule(word: &str, hosts: Vec<String>) -> Result<MetadataDocuments, String> {
    let said: serde_json::Value = match word {
        "listed" if hosts.is_empty() => {
            return Err("say from which hosts documents are taken, or choose another rule".to_owned());
        }
        "listed" => hosts.into(),
        _ if !hosts.is_empty() => {
            return Err("hosts of documents are listed, and the rule does not go by them: choose one".to_owned());
        }
        word => word.into(),
    };
    serde_json::from_value(said).map_err(|error| format!("hosts of documents: {error}"))
}

/// Who vouches for software. Nobody, where the text is empty.
fn trusted(text: &str) -> Result<Vec<StatementIssuer>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let unread = |error: serde_json::Error| {
        format!("this is no JSON: it cannot be read from line {}, character {} on", error.line(), error.column())
    };
    let _: serde::de::IgnoredAny = serde_json::from_str(text).map_err(unread)?;
    serde_json::from_str(text).map_err(|error| format!("this is not such a list: {error}"))
}

impl Programs {
    pub(super) fn of(settings: &Settings) -> Self {
        let (word, hosts) = documents(settings);
        let statements = match &settings.software_statements {
            none if none.is_empty() => String::new(),
            some => serde_json::to_string_pretty(some).unwrap_or_default(),
        };
        Self {
            documents: Some(word.to_owned()),
            hosts: Some(hosts.join("\n")),
            schemes: Some(settings.redirect_schemes.join("\n")),
            statements: Some(statements),
            devices: Some(devices(settings).to_owned()),
            audience: Some(audience(settings.assertion_audience).to_owned()),
            full_scopes: Some(settings.full_scopes.join("\n")),
            origins: Some(settings.allowed_origins.join("\n")),
        }
    }

    pub(super) fn read(desk: &Desk, form: &Form) -> Result<Self, Trouble> {
        let one = |name| {
            let text = desk.one(form, name)?;
            Ok::<_, Trouble>(form.all(name).next().map(|_| text.trim().to_owned()))
        };
        Ok(Self {
            documents: one("documents")?,
            hosts: one("hosts")?,
            schemes: one("redirect_schemes")?,
            statements: one("software_statements")?,
            devices: one("devices")?,
            audience: one("audience")?,
            full_scopes: one("full_scopes")?,
            origins: one("allowed_origins")?,
        })
    }

    /// The settings with what the form says. What is wrong is as it was, and is told.
    pub(super) fn onto(&self, mut settings: Settings, wrong: &mut Vec<Wrong>) -> Settings {
        let mut tell = |field: &str, why: String| wrong.push(Wrong::new(field, why));
        if let Some(word) = &self.documents {
            match rule(word, lines(self.hosts.as_deref().unwrap_or_default())) {
                Ok(rule) => settings.metadata_documents = rule,
                Err(why) => tell("hosts", why),
            }
        }
        if let Some(text) = &self.statements {
            match trusted(text) {
                Ok(trusted) => settings.software_statements = trusted,
                Err(why) => tell("software_statements", why),
            }
        }
        if let Some(word) = &self.devices {
            match serde_json::from_value(matches!(word.as_str(), "yes").into()) {
                Ok(rule) => settings.device_flow = rule,
                Err(_) => tell("devices", "say whether devices may ask".to_owned()),
            }
        }
        if let Some(word) = &self.audience {
            match serde_json::from_value(word.as_str().into()) {
                Ok(rule) => settings.assertion_audience = rule,
                Err(_) => tell("audience", "say whom programs that sign may sign for".to_owned()),
            }
        }
        if let Some(text) = &self.schemes {
            settings.redirect_schemes = lines(text);
        }
        if let Some(text) = &self.full_scopes {
            settings.full_scopes = lines(text);
        }
        if let Some(text) = &self.origins {
            settings.allowed_origins = lines(text);
        }
        settings
    }

    /// How programs come here.
    pub(super) fn coming(&self) -> Vec<Input> {
        vec![
            Input::select(
                "documents",
                "Programs that name a document of theirs instead of registering",
                "The document is fetched, and the host in its address is shown to people.",
                DOCUMENTS,
                text(self.documents.as_ref()),
            ),
            Input::area(
                "hosts",
                "Hosts of these documents",
                "One a line: claude.ai, or *.example.com for all below it.",
                text(self.hosts.as_ref()),
            ),
            Input::area(
                "software_statements",
                "Who vouches for software",
                "A JSON list: [{\"issuer\": \"https://…\", \"jwks\": {\"keys\": […]}}]. What they sign says who a program is.",
                text(self.statements.as_ref()),
            ),
            Input::area(
                "redirect_schemes",
                "More schemes of redirect addresses",
                "One a line, such as myeditor. Those of known programs, and those with a period, are allowed anyway.",
                text(self.schemes.as_ref()),
            ),
        ]
    }

    /// What programs may do.
    pub(super) fn doing(&self) -> Vec<Input> {
        vec![
            Input::select(
                "devices",
                "Devices without a browser",
                "Such as a terminal far away.",
                DEVICES,
                text(self.devices.as_ref()),
            ),
            Input::select(
                "audience",
                "Whom programs that sign may sign for",
                "With a key instead of a secret (private_key_jwt).",
                AUDIENCES,
                text(self.audience.as_ref()),
            ),
            Input::area(
                "full_scopes",
                "Programs that ask for everything at once",
                "By id or name, one a line; * for all. For those that cannot ask again when a call needs more. People still untick what they like.",
                text(self.full_scopes.as_ref()),
            ),
            Input::area(
                "allowed_origins",
                "Web pages that may call",
                "Origins, one a line, such as https://inspector.example.",
                text(self.origins.as_ref()),
            ),
        ]
    }
}

fn text(field: Option<&String>) -> &str {
    field.map(String::as_str).unwrap_or_default()
}
