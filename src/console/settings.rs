//! The tenant's own settings: its name, who may register clients, what programs may do, and how people log in.

mod programs;

use axum::response::Response;
use http::StatusCode;

use self::programs::Programs;
use super::{
    Desk,
    deed::{Wrong, in_words_of, refused},
};
use crate::{
    access::{Action, Page},
    apply::edit::{Edit, TenantForm, fingerprint, tenant_problems},
    http::{
        form::{Form, FormError},
        pages::{
            console::{AskPage, Cell, Fact, Input, Section, SheetPage, Way},
            grouped,
        },
        trouble::Trouble,
    },
    ids::Slug,
    store::clients,
    tenants::{LoginPolicy, RegistrationRule, SecondFactor, Settings},
};

const RULES: &[(&str, &str)] = &[
    ("open", "Any program, within limits"),
    ("approval", "Any program, but it waits for an administrator"),
    ("initial_access_token", "Only with an initial access token"),
    ("software_statement", "Only software that somebody vouches for"),
    ("off", "No program: administrators write clients down"),
];

fn rule(rule: RegistrationRule) -> &'static str {
    match rule {
        RegistrationRule::Open => "open",
        RegistrationRule::Approval => "approval",
        RegistrationRule::InitialAccessToken => "initial_access_token",
        RegistrationRule::SoftwareStatement => "software_statement",
        RegistrationRule::Off => "off",
    }
}

const FACTORS: &[(&str, &str)] = &[
    ("optional", "Whoever has one"),
    ("administrators", "Whoever has one, and everybody who sees this console"),
    ("everybody", "Everybody"),
];

const fn factor(rule: SecondFactor) -> &'static str {
    match rule {
        SecondFactor::Optional => "optional",
        SecondFactor::Administrators => "administrators",
        SecondFactor::Everybody => "everybody",
    }
}

const PASSWORDS: &[(&str, &str)] = &[
    ("taken", "Are taken, beside identity providers"),
    ("refused", "Are not taken: people come through identity providers alone"),
];

const fn passwords(taken: bool) -> &'static str {
    if taken { "taken" } else { "refused" }
}

/// What a word of a choice says.
fn words(of: &[(&'static str, &'static str)], word: &str) -> Cell {
    Cell::Text(of.iter().find(|(known, _)| *known == word).map_or("", |(_, words)| *words).to_owned())
}

/// `GET …/settings`
pub(super) async fn show(desk: Desk) -> Result<Response, Trouble> {
    let tenant = &desk.visit.tenant;
    let settings = &tenant.settings;
    let server = settings.default_server.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
    let mut facts = vec![Fact::new("Name", Cell::Text(tenant.name.clone()))];
    let mut sections = Vec::new();
    let mut tx = desk.tx().await?;
    let absent = clients::absent(&mut tx, &settings.full_scopes).await.map_err(|error| desk.visit.fault(error))?;
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    // Nothing of OAuth is on at the platform.
    if !tenant.platform {
        facts.push(Fact::new("Issuer", Cell::Code(tenant.issuer.clone())));
        facts.push(Fact::new("Default server", Cell::Text(server)));
        sections.push(Section::new("How programs come here", "").facts(coming(settings)));
        sections.push(Section::new("What programs may do", "").facts(programs::doing(settings, &absent)));
    }
    sections.push(Section::new("How people log in", "").facts(logins(&desk)));
    let page = SheetPage {
        frame: desk.frame(),
        back: Way::new("Overview", desk.at("")),
        title: "Settings".to_owned(),
        state: Cell::Nothing,
        lead: if tenant.platform {
            "For administrators of the platform alone: each tenant has settings of its own."
        } else {
            "One setting more is in the file of sallyport apply alone: how soon calls must be in the log (evidence)."
        }
        .to_owned(),
        facts,
        sections,
        actions: if desk.may(Page::Settings, Action::Edit) {
            vec![Way::new("Edit", desk.at("settings/edit"))]
        } else {
            Vec::new()
        },
        danger: Vec::new(),
    };
    Ok(desk.visit.page(StatusCode::OK, page))
}

fn coming(settings: &Settings) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("Who may register", words(RULES, rule(settings.registration))),
        Fact::new("Clients at most", Cell::Number(settings.most_clients().into())),
        Fact::new("Kept without use", Cell::Text(format!("{} days", settings.unused_clients_kept().whole_days()))),
    ];
    facts.extend(programs::coming(settings));
    facts
}

fn logins(desk: &Desk) -> Vec<Fact> {
    let login = &desk.visit.tenant.settings.login;
    let mut facts = vec![
        Fact::new("Who shows a second factor", words(FACTORS, factor(login.second_factor))),
        Fact::new("A login lasts", Cell::Text(login_lasts(desk))),
    ];
    // The platform has no identity providers.
    if !desk.visit.tenant.platform {
        facts.push(Fact::new("Passwords", words(PASSWORDS, passwords(login.passwords))));
    }
    facts
}

/// The hours that a login lasts at most, by the configuration.
fn most_hours(desk: &Desk) -> u64 {
    desk.visit.app.config.login.session.as_secs().div_ceil(3600)
}

fn login_lasts(desk: &Desk) -> String {
    let usual = most_hours(desk);
    let own = desk.visit.tenant.settings.login.session_hours.map_or(usual, |hours| usual.min(hours.into()));
    let lasts = if own == 1 { "1 hour".to_owned() } else { format!("{own} hours") };
    match desk.visit.tenant.settings.login.session_hours {
        Some(wanted) if u64::from(wanted) > usual => format!("{lasts}: this installation allows no more than that"),
        _ => lasts,
    }
}

/// What the form says.
struct Filled {
    name: String,
    registration: String,
    most: String,
    days: String,
    default_server: String,
    second_factor: String,
    passwords: String,
    hours: String,
    programs: Programs,
}

impl Filled {
    fn of(name: &str, settings: &Settings) -> Self {
        Self {
            name: name.to_owned(),
            registration: rule(settings.registration).to_owned(),
            most: settings.max_registered_clients.map(|most| most.to_string()).unwrap_or_default(),
            days: settings.unused_client_days.map(|days| days.to_string()).unwrap_or_default(),
            default_server: settings.default_server.as_ref().map(ToString::to_string).unwrap_or_default(),
            second_factor: factor(settings.login.second_factor).to_owned(),
            passwords: passwords(settings.login.passwords).to_owned(),
            hours: settings.login.session_hours.map(|hours| hours.to_string()).unwrap_or_default(),
            programs: Programs::of(settings),
        }
    }

    fn read(desk: &Desk, form: &Form) -> Result<Self, Trouble> {
        let one = |name| desk.one(form, name).map(|text| text.trim().to_owned());
        Ok(Self {
            name: one("name")?,
            registration: one("registration")?,
            most: one("max_registered_clients")?,
            days: one("unused_client_days")?,
            default_server: one("default_server")?,
            second_factor: one("second_factor")?,
            passwords: one("passwords")?,
            hours: one("session_hours")?,
            programs: Programs::read(desk, form)?,
        })
    }

    /// The settings with what the form says, and everything that is wrong with it: what is wrong is as it was.
    fn onto(&self, settings: &Settings, platform: bool) -> (Settings, Vec<Wrong>) {
        let mut wrong = Vec::new();
        let login = self.login(settings, &mut wrong);
        if platform {
            // Its form has nothing else.
            let form = TenantForm {
                name: self.name.clone(),
                registration: settings.registration,
                max_registered_clients: settings.max_registered_clients,
                unused_client_days: settings.unused_client_days,
                default_server: None,
                login,
            };
            return (form.onto(settings), wrong);
        }
        let registration = serde_json::from_value(self.registration.as_str().into()).unwrap_or_else(|_| {
            wrong.push(Wrong::new("registration", "say who may register clients"));
            settings.registration
        });
        let default_server = Some(self.default_server.as_str()).filter(|slug| !slug.is_empty()).and_then(|slug| {
            let none = |_| wrong.push(Wrong::new("default_server", "the default server is none of this tenant"));
            Slug::parse(slug).map_err(none).ok()
        });
        let form = TenantForm {
            name: self.name.clone(),
            registration,
            max_registered_clients: whole("max_registered_clients", &self.most, &mut wrong),
            unused_client_days: whole("unused_client_days", &self.days, &mut wrong),
            default_server,
            login,
        };
        let settings = self.programs.onto(form.onto(settings), &mut wrong);
        (settings, wrong)
    }

    fn login(&self, settings: &Settings, wrong: &mut Vec<Wrong>) -> LoginPolicy {
        let second_factor = match self.second_factor.as_str() {
            // A form without the field leaves it as it is.
            "" => settings.login.second_factor,
            word => serde_json::from_value(word.into()).unwrap_or_else(|_| {
                wrong.push(Wrong::new("second_factor", "say who shows a second factor"));
                settings.login.second_factor
            }),
        };
        let passwords = match self.passwords.as_str() {
            "taken" => true,
            "refused" => false,
            word => {
                if !word.is_empty() {
                    wrong.push(Wrong::new("passwords", "say whether passwords are taken"));
                }
                settings.login.passwords
            }
        };
        LoginPolicy { second_factor, passwords, session_hours: whole("session_hours", &self.hours, wrong) }
    }
}

/// A number, or nothing for the usual one.
fn whole<N: std::str::FromStr>(field: &str, text: &str, wrong: &mut Vec<Wrong>) -> Option<N> {
    if text.is_empty() {
        return None;
    }
    let none = |_| wrong.push(Wrong::new(field, "this is a whole number, not too large, or nothing for the usual one"));
    text.parse().map_err(none).ok()
}

fn form_page(desk: &Desk, filled: &Filled, seen: &str) -> AskPage {
    let mut servers = vec![("", "None: a request must say which")];
    servers.extend(desk.visit.tenant.servers.iter().map(|(slug, server)| (slug.as_str(), server.name.as_str())));
    let registration = "Clients that wait do nothing until an administrator approves them. Initial access tokens are made under Clients.";
    let mut inputs = vec![Input::text("name", "Name", "People read it on every page.", &filled.name)];
    if !desk.visit.tenant.platform {
        let usual = Settings::default();
        let most = format!("Empty: {}.", grouped(i64::from(usual.most_clients())));
        let days = format!("Empty: {}.", usual.unused_clients_kept().whole_days());
        inputs.extend([
            Input::select(
                "default_server",
                "Default server",
                "For programs that do not say which they mean.",
                &servers,
                &filled.default_server,
            ),
            Input::heading("How programs come here", ""),
            Input::select("registration", "Who may register clients", registration, RULES, &filled.registration),
            Input::text("max_registered_clients", "Clients at most", &most, &filled.most),
            Input::text("unused_client_days", "Days that an unused client is kept", &days, &filled.days),
        ]);
        inputs.extend(filled.programs.coming());
        inputs.push(Input::heading("What programs may do", ""));
        inputs.extend(filled.programs.doing());
    }
    inputs.extend([
        Input::heading("How people log in", ""),
        Input::select(
            "second_factor",
            "Who shows a second factor at login",
            "Whoever has to and has none sets one up at the next login.",
            FACTORS,
            &filled.second_factor,
        ),
    ]);
    if !desk.visit.tenant.platform {
        let hint = "Log in through an identity provider yourself before you refuse them: it is your way in then, too.";
        inputs.push(Input::select("passwords", "Passwords", hint, PASSWORDS, &filled.passwords));
    }
    let usual = most_hours(desk);
    let hint = format!("Empty: {usual}, which is also the most that this installation allows.");
    inputs.push(Input::text("session_hours", "Hours that a login lasts", &hint, &filled.hours));
    AskPage {
        inputs,
        hidden: vec![("seen".to_owned(), seen.to_owned())],
        ..desk.ask("Edit the settings", "", "Save", Way::new("Settings", desk.at("settings")))
    }
}

/// `GET …/settings/edit`
pub(super) async fn ask_edit(desk: Desk) -> Result<Response, Trouble> {
    let tenant = &desk.visit.tenant;
    let page =
        form_page(&desk, &Filled::of(&tenant.name, &tenant.settings), &fingerprint(&tenant.name, &tenant.settings));
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/settings/edit`: the fields, and `seen`.
pub(super) async fn edit(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let filled = Filled::read(&desk, &form)?;
    let seen = desk.one(&form, "seen")?.to_owned();
    let page = form_page(&desk, &filled, &seen);
    let (settings, mut wrong) = filled.onto(&desk.visit.tenant.settings, desk.visit.tenant.platform);
    if !wrong.is_empty() {
        for (key, message) in tenant_problems(&filled.name, &settings) {
            wrong.push(in_words_of(&page, &format!("{key} {message}")));
        }
        return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, wrong));
    }
    match desk.edit(Edit::Tenant { seen, name: filled.name, settings: Box::new(settings) }).await {
        Ok(ms) => desk.done(&desk.at("settings"), "saved", 1, ms),
        Err(error) => refused(&desk, page, error),
    }
}
