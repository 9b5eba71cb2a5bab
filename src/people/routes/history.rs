//! `/t/{tenant}/account/history`: what was done in the name of whoever is logged in, by them and by programs.

use std::collections::HashMap;

use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::{super::Session, one, security::known};
use crate::{
    http::{
        pages::{Deed, HistoryPage, console::exact},
        trouble::Trouble,
        visit::Visit,
        words::ago,
    },
    ids::{EventId, GrantId},
    store::{
        StoreError,
        audit::EventRow,
        grants::{self, GivenRow},
        history::{self, Asked},
    },
};

pub(super) const HISTORY: &str = "account/history";

/// Events of one page.
const SIZE: i64 = 30;

const CALLS: &[&str] = &["call.intent", "call.denied", "call.refused"];
const ACCESS: &[&str] = &["consent.given", "consent.denied", "device.denied", "grant.revoked", "family.revoked"];
const LOGINS: &[&str] = &[
    "login.succeeded",
    "login.failed",
    "logout",
    "session.ended",
    "provider.logged_out",
    "password.changed",
    "link.made",
    "link.used",
    "identity.linked",
    "identity.unlinked",
    "second_factor.added",
    "second_factor.removed",
    "second_factor.failed",
    "recovery.renewed",
    "recovery.used",
    "api_token.made",
    "api_token.revoked",
    "person.named",
    "admin.changed",
];

/// What can be shown: the word in the address, and its name.
const SHOWS: [(&str, &str); 4] = [
    ("", "Everything"),
    ("calls", "What programs did"),
    ("access", "What you allowed and took back"),
    ("logins", "Logins and your account"),
];

fn kinds(show: &str) -> Vec<&'static str> {
    match show {
        "calls" => CALLS.to_vec(),
        "access" => ACCESS.to_vec(),
        "logins" => LOGINS.to_vec(),
        _ => [CALLS, ACCESS, LOGINS].concat(),
    }
}

/// `GET`, with `show`, `grant` and `before`: an event's id.
pub async fn history(visit: Visit) -> Result<Response, Trouble> {
    let session = match known(&visit, HISTORY).await? {
        Ok(session) => session,
        Err(to_login) => return Ok(to_login),
    };
    let query = visit.query()?;
    let id = |name| Ok::<_, Trouble>(one(&visit, &query, name)?.and_then(|text| Uuid::parse_str(text).ok()));
    let show = one(&visit, &query, "show")?.unwrap_or_default();
    let (show, _) = SHOWS.into_iter().find(|(word, _)| *word == show).unwrap_or_default();
    let (grant, before) = (id("grant")?.map(GrantId), id("before")?.map(EventId));
    let part = Part { show, grant, before };
    let page = page(&visit, &session, &part).await.map_err(|error| visit.fault(error))?;
    Ok(visit.page(StatusCode::OK, page))
}

/// What the address asks for.
struct Part {
    show: &'static str,
    grant: Option<GrantId>,
    before: Option<EventId>,
}

/// What events only have ids of.
struct Known<'a> {
    visit: &'a Visit,
    clients: HashMap<String, String>,
    outcomes: HashMap<EventId, EventRow>,
}

async fn page(visit: &Visit, session: &Session, part: &Part) -> Result<HistoryPage, StoreError> {
    let mut tx = visit.app.store.tenant_tx(visit.tenant.id).await?;
    let given = grants::given_by(&mut tx, session.person).await?;
    let kinds = kinds(part.show);
    let asked = Asked { person: session.person, grant: part.grant, kinds: &kinds, before: part.before, limit: SIZE };
    let found = history::look(&mut tx, &asked).await?;
    let clients: Vec<String> =
        found.events.iter().filter_map(|event| text(event, "client")).map(str::to_owned).collect();
    let calls: Vec<EventId> =
        found.events.iter().filter(|event| event.kind == "call.intent").map(|event| event.id.outcome()).collect();
    let known = Known {
        visit,
        clients: history::client_names(&mut tx, &clients).await?,
        outcomes: history::events(&mut tx, &calls).await?,
    };
    tx.commit().await?;
    let of_grant = |id: GrantId| {
        let words = given.iter().find(|grant| grant.id == id).map(|grant| known.grant(grant));
        (id.to_string(), words.unwrap_or_else(|| "a program, and took back".to_owned()))
    };
    Ok(HistoryPage {
        tenant_name: visit.tenant.name.clone(),
        account_href: visit.path("account"),
        action: visit.path(HISTORY),
        grant: part.grant.map(of_grant),
        shows: SHOWS.to_vec(),
        show: part.show.to_owned(),
        narrowed: !part.show.is_empty() || part.grant.is_some() || part.before.is_some(),
        older_href: found.rest.map(|rest| part.address(visit, Some(rest))),
        newest_href: part.before.map(|_| part.address(visit, None)),
        deeds: found.events.iter().map(|event| known.deed(event)).collect(),
    })
}

fn text<'a>(event: &'a EventRow, name: &str) -> Option<&'a str> {
    event.body.get(name).and_then(Value::as_str)
}

impl Part {
    fn address(&self, visit: &Visit, before: Option<EventId>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("show", self.show);
        if let Some(grant) = self.grant {
            query.append_pair("grant", &grant.to_string());
        }
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        format!("{}?{}", visit.path(HISTORY), query.finish())
    }
}

impl Known<'_> {
    fn grant(&self, grant: &GivenRow) -> String {
        let server = self.visit.tenant.server_by_id(grant.server);
        format!("{} on {}", grant.client_name, server.map_or("a server that is switched off", |server| &server.name))
    }

    fn deed(&self, event: &EventRow) -> Deed {
        let outcome = self.outcomes.get(&event.id.outcome()).and_then(|outcome| text(outcome, "outcome"));
        let (what, bad) = what(event);
        let outcome = (event.kind == "call.intent").then(|| outcome_words(outcome).to_owned());
        Deed {
            what,
            about: self.about(event).into_iter().chain(outcome).collect(),
            ago: ago(self.visit.app.clock.now(), event.at),
            at: exact(event.at),
            bad,
        }
    }

    /// The client, the tool, the server, and what else there is to say.
    fn about(&self, event: &EventRow) -> Vec<String> {
        let name = |id: &str| match self.clients.get(id) {
            Some(name) if !name.trim().is_empty() => name.clone(),
            _ => "a client without a name".to_owned(),
        };
        let client = text(event, "client").map(name);
        let is_call = event.kind.starts_with("call.");
        let tool = text(event, "name").or_else(|| text(event, "method")).filter(|_| is_call).map(str::to_owned);
        let server = text(event, "server").and_then(|id| Uuid::parse_str(id).ok());
        let server = server.map(|id| match self.visit.tenant.server_by_id(id.into()) {
            Some(server) => server.name.clone(),
            None => "a server that is switched off".to_owned(),
        });
        let else_ = match event.kind.as_str() {
            "admin.changed" => text(event, "object").map(str::to_owned),
            "second_factor.added" | "second_factor.removed" => text(event, "factor").map(factor),
            _ => None,
        };
        [client, tool, server, else_].into_iter().flatten().collect()
    }
}

fn factor(word: &str) -> String {
    match word {
        "totp" => "authenticator app",
        other => other,
    }
    .to_owned()
}

/// What happened, in words for whose account it is, and whether it should be looked at.
fn what(event: &EventRow) -> (String, bool) {
    let by_command = event.body.pointer("/actor/kind").and_then(Value::as_str) == Some("command");
    let (words, bad) = match event.kind.as_str() {
        "call.intent" if text(event, "method") == Some("tools/call") => ("A program used a tool", false),
        "call.intent" => ("A program asked a server", false),
        "call.denied" => ("A call was not allowed", true),
        "call.refused" => ("A call came to nothing", true),
        "consent.given" => ("You allowed a program to act for you", false),
        "consent.denied" => ("You said no to a program", false),
        "device.denied" => ("You said no to a device", false),
        "grant.revoked" => match text(event, "reason") {
            Some("person_revoked") => ("You took back what a program could do", false),
            Some("client_removed") => ("A program was removed, and what it could do", false),
            Some("provider_logout") => ("What a program could do ended with your login elsewhere", false),
            _ => ("An administrator took back what a program could do", true),
        },
        "family.revoked" => match text(event, "reason") {
            Some("client_revoked") => ("A program gave back its tokens", false),
            Some("key_retired") => ("Tokens of a program ended with a key", false),
            _ => ("A token was used twice, so its program lost access: somebody else may have had it", true),
        },
        "login.succeeded" => ("You logged in", false),
        "login.failed" => ("Somebody tried to log in as you, and failed", true),
        "second_factor.failed" => ("A second factor was refused", true),
        "logout" => ("You logged out", false),
        "session.ended" => ("A login of yours was ended", false),
        "provider.logged_out" => ("You were logged out at your identity provider", false),
        "password.changed" => ("You changed your password", false),
        "link.made" => ("A link to set your password was made", false),
        "link.used" => ("Your password was set with a link", false),
        "identity.linked" => ("An identity provider vouches for you from now on", false),
        "identity.unlinked" => ("An identity provider vouches for you no more", false),
        "second_factor.added" => ("A second factor was added", false),
        "second_factor.removed" => ("A second factor was taken away", true),
        "recovery.renewed" => ("Recovery codes were made", false),
        "recovery.used" => ("A recovery code was used", true),
        "api_token.made" => ("A token of the admin API was made", false),
        "api_token.revoked" => ("A token of the admin API was taken back", false),
        "person.named" => ("Your account was made", false),
        "admin.changed" if by_command => ("An administrator changed something", false),
        "admin.changed" => ("You changed something as an administrator", false),
        _ => ("Something else", false),
    };
    (words.to_owned(), bad)
}

/// How a call ended.
fn outcome_words(outcome: Option<&str>) -> &'static str {
    match outcome {
        Some("answered") => "answered",
        Some("not_executed") => "not done",
        Some("may_have_been_executed") => "no answer: it may have been done",
        Some("revoked") => "cut off: taken back meanwhile",
        Some("expired") => "cut off: its token expired",
        Some("client_gone") => "the program went away before the end",
        Some(_) => "no end is known: it may have been done",
        None => "under way",
    }
}
