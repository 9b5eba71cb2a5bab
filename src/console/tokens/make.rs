//! A new token of the admin API, which acts for whoever makes it.

use axum::response::Response;
use http::StatusCode;
use time::Duration;

use crate::{
    access::{Action, Page, RULES, Rule},
    api::{
        self,
        token::{self, ApiToken, ApiTokenError, LONGEST, NewApiToken},
    },
    app::routes::Guard,
    console::{Desk, deed::Wrong},
    http::{
        form::{Form, FormError},
        pages::console::{AskPage, Cell, Fact, Input, InputKind, Section, SheetPage, Tone, Way},
        trouble::Trouble,
    },
    people::Username,
    secret::Handle,
    store::people,
};

/// Everything that can be read.
const READ: &str = "*:read";
/// Days where the form says nothing else.
const DAYS: &str = "90";

/// The rules that routes of the admin API have, as far as whoever is here may do it.
fn offered(desk: &Desk) -> Vec<&'static Rule> {
    let asked: Vec<(Page, Action)> = api::routes()
        .into_iter()
        .filter_map(|route| match route.guard {
            Guard::Api(page, action) => Some((page, action)),
            _ => None,
        })
        .collect();
    // Tenants are looked after by tokens of the platform, which has no page for them.
    let may = |rule: &&Rule| {
        rule.page != Page::Tenants && asked.contains(&(rule.page, rule.action)) && desk.may(rule.page, rule.action)
    };
    RULES.iter().filter(may).collect()
}

fn word(rule: &Rule) -> String {
    format!("{}:{}", rule.page.word(), rule.action.word())
}

/// What the form says.
#[derive(Default)]
struct Filled {
    name: String,
    days: String,
    rights: Vec<String>,
}

impl Filled {
    fn read(desk: &Desk, form: &Form) -> Result<Self, Trouble> {
        Ok(Self {
            name: desk.one(form, "name")?.trim().to_owned(),
            days: desk.one(form, "days")?.trim().to_owned(),
            rights: form.all("right").map(str::to_owned).collect(),
        })
    }

    /// The rights and days, or why not.
    fn checked(&self, desk: &Desk) -> Result<(Vec<String>, Duration), Wrong> {
        if self.name.is_empty() {
            return Err(Wrong::new("name", "say what it is for: in a year nobody knows it otherwise"));
        }
        if self.rights.is_empty() {
            return Err(Wrong::new("right", "choose at least one right: a token without any could do nothing"));
        }
        let known: Vec<String> = offered(desk).into_iter().map(word).collect();
        if self.rights.iter().any(|right| right != READ && !known.contains(right)) {
            return Err(Wrong::new("right", "one of the rights is none that you could give"));
        }
        let days = self.days.parse::<u16>().ok().filter(|days| (1..=LONGEST.whole_days()).contains(&i64::from(*days)));
        let days = days.ok_or_else(|| Wrong::new("days", "a token lives for 1 to 365 days"))?;
        Ok((self.rights.clone(), Duration::days(days.into())))
    }
}

fn question(desk: &Desk, filled: &Filled) -> AskPage {
    let lead = "It acts for you, and never does more than you may do at the time. You see it once, on the next page. \
                Tokens that act for others are made by sallyport api-token create.";
    let mut inputs = vec![
        Input::text(
            "name",
            "What it is for",
            "Such as \u{201c}build farm\u{201d}. Lists and questions name it so.",
            &filled.name,
        ),
        Input::text("days", "Days that it can be used", "365 at most.", &filled.days),
        Input::heading(
            "Rights",
            "Choose as few as will do. Marked ones the console asks a fresh login for: think twice.",
        ),
        right("Read everything", READ, false, filled),
    ];
    let mut page = None;
    for rule in offered(desk) {
        if page.replace(rule.page) != Some(rule.page) {
            inputs.push(Input::heading(rule.page.name(), ""));
        }
        inputs.push(right(&capital(rule.action.name()), &word(rule), rule.fresh, filled));
    }
    AskPage { inputs, ..desk.ask("Make a token", lead, "Make the token", Way::new("API tokens", desk.at("tokens"))) }
}

fn right(label: &str, word: &str, fresh: bool, filled: &Filled) -> Input {
    let hint = if fresh { format!("{word} \u{b7} after a fresh login in the console") } else { word.to_owned() };
    let checked = filled.rights.iter().any(|right| right == word);
    let kind = InputKind::Check { value: word.to_owned(), checked };
    Input { kind, ..Input::check("right", label, &hint, false) }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `GET …/tokens/-/new`
pub(in crate::console) async fn ask_new(desk: Desk) -> Result<Response, Trouble> {
    let page = question(&desk, &Filled { days: DAYS.to_owned(), ..Filled::default() });
    Ok(desk.visit.page(StatusCode::OK, page))
}

/// `POST …/tokens/-/new`: `name`, `days`, `right` for each. Answers with the token, which is shown this once.
pub(in crate::console) async fn create(desk: Desk, form: Result<Form, FormError>) -> Result<Response, Trouble> {
    let form = desk.form(form)?;
    let filled = Filled::read(&desk, &form)?;
    let page = question(&desk, &filled);
    let (rights, life) = match filled.checked(&desk) {
        Ok(checked) => checked,
        Err(wrong) => return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, vec![wrong])),
    };
    let mut tx = desk.tx().await?;
    let own = people::by_id(&mut tx, desk.session.person).await.map_err(|error| desk.visit.fault(error))?;
    let own = own.ok_or_else(|| desk.nothing("person who may log in"))?;
    let person = Username::parse(&own.username).map_err(|error| desk.visit.fault(error))?;
    let new = NewApiToken { person, rights, life, note: filled.name };
    let tools = (&desk.recorder(), &desk.visit.app.keyring);
    let (handle, made) = match token::create(&mut tx, tools, new).await {
        Ok(made) => made,
        Err(ApiTokenError::Store(error)) => return Err(desk.visit.fault(error)),
        Err(error) => {
            let field = if matches!(error, ApiTokenError::Note) { "name" } else { "" };
            let wrong = vec![Wrong::new(field, error.to_string())];
            return Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, wrong));
        }
    };
    tx.commit().await.map_err(|error| desk.visit.fault(error))?;
    Ok(shown(&desk, &handle, &made))
}

/// The page with the token. It is no redirect: the token must be in no address of ours.
fn shown(desk: &Desk, handle: &Handle, made: &ApiToken) -> Response {
    let base = format!("{}/api/admin/v1/tenants/{}", desk.visit.app.config.public_url, desk.visit.tenant.slug);
    let page = SheetPage {
        frame: desk.frame(),
        back: Way::new("API tokens", desk.at("tokens")),
        title: made.note.clone(),
        state: Cell::state("Shown once", Tone::Waits),
        lead: "Copy it now, into the place where the program keeps its secrets. Nobody can show it again.".to_owned(),
        facts: vec![
            Fact::new("Rights", Cell::Names(made.rights.clone())),
            Fact::new("Ends", Cell::until(desk.visit.app.clock.now(), made.expires_at)),
            Fact::new("API", Cell::Code(base)),
        ],
        sections: vec![
            Section::new("The token", "").pre(handle.expose().to_owned()),
            Section::new("How it is used", "As a header of each request:")
                .pre("Authorization: Bearer sp_ap_\u{2026}".to_owned()),
        ],
        actions: Vec::new(),
        danger: Vec::new(),
    };
    desk.visit.page(StatusCode::OK, page)
}
