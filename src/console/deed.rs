//! What all changes have in common: the question, the deed, and what is said of it.

use axum::response::Response;
use http::StatusCode;

use super::Desk;
use crate::{
    apply::{self, ApplyError, Mistakes, edit::Edit},
    audit::Recorder,
    cluster::Ticket,
    http::{
        csrf::Purpose,
        pages::console::{AskPage, Way},
        trouble::Trouble,
    },
    ids::Slug,
    store::TenantTx,
};

/// What cannot stay of an answer.
#[derive(Debug)]
pub(super) struct Wrong {
    /// The name of the field in the form; empty for what is no one field's.
    pub(super) field: String,
    /// In words that stand for themselves.
    pub(super) why: String,
}

impl Wrong {
    pub(super) fn new(field: &str, why: impl Into<String>) -> Self {
        Self { field: field.to_owned(), why: why.into() }
    }
}

impl Desk {
    /// A question that posts to this very path. Fill in the rest.
    pub(super) fn ask(&self, title: &str, lead: &str, verb: &str, back: Way) -> AskPage {
        AskPage {
            frame: self.frame(),
            back,
            title: title.to_owned(),
            lead: lead.to_owned(),
            error: None,
            anew: None,
            facts: Vec::new(),
            differences: Vec::new(),
            inputs: Vec::new(),
            action: self.path.split('?').next().unwrap_or_default().to_owned(),
            csrf: self.visit.csrf(Purpose::Console),
            hidden: Vec::new(),
            verb: verb.to_owned(),
            danger: false,
        }
    }

    /// The question once more, with what was wrong with the answer.
    pub(super) fn ask_again(&self, page: AskPage, status: StatusCode, error: impl std::fmt::Display) -> Response {
        self.visit.page(status, AskPage { error: Some(sentence(&error.to_string())), ..page })
    }

    /// The question once more, with what was wrong at each field that is named; what has no field stands above them all.
    pub(super) fn ask_marked(&self, mut page: AskPage, status: StatusCode, wrong: Vec<Wrong>) -> Response {
        let mut above = Vec::new();
        for Wrong { field, why } in &wrong {
            let why = sentence(why);
            if !page.mark(field, &why) {
                above.push(why);
            }
        }
        if above.len() < wrong.len() {
            above.insert(0, "Nothing was changed: look at what is marked below.".to_owned());
        }
        self.visit.page(status, AskPage { error: Some(above.join(" ")), ..page })
    }

    /// Commits, and waits until every node goes by it. Milliseconds.
    pub(super) async fn settle(&self, tx: TenantTx, ticket: Ticket) -> Result<u128, Trouble> {
        let began = tokio::time::Instant::now();
        tx.commit().await.map_err(|error| self.visit.fault(error))?;
        self.settled(ticket, began).await
    }

    /// Waits until every node goes by what was committed. Milliseconds since it began.
    pub(super) async fn settled(&self, ticket: Ticket, began: tokio::time::Instant) -> Result<u128, Trouble> {
        self.visit.app.node.settle(ticket).await.map_err(|error| self.visit.fault(error))?;
        Ok(began.elapsed().as_millis())
    }

    /// Makes an edit: checked, committed and in force on every node. Milliseconds.
    pub(super) async fn edit(&self, edit: Edit) -> Result<u128, ApplyError> {
        self.edit_of(&self.visit.tenant.slug, self.recorder(), edit).await
    }

    /// The same at another tenant.
    pub(super) async fn edit_of(&self, tenant: &Slug, recorder: Recorder, edit: Edit) -> Result<u128, ApplyError> {
        let app = &self.visit.app;
        let began = tokio::time::Instant::now();
        apply::edit::make(app.tools(&recorder), &app.node, tenant, edit).await?;
        Ok(began.elapsed().as_millis())
    }

    /// On to a page that says what was done: `done` is a word that [`super::frame`] knows.
    pub(super) fn done(&self, to: &str, done: &str, n: u64, ms: u128) -> Result<Response, Trouble> {
        let separator = if to.contains('?') { '&' } else { '?' };
        self.visit.see_other(&format!("{to}{separator}done={done}&n={n}&ms={ms}"))
    }
}

/// A mistake begins with the key that it is about. On a page that has such a field it is called what people read beside it.
pub(super) fn in_words_of(page: &AskPage, message: &str) -> Wrong {
    let named = message.split_once(' ').and_then(|(key, rest)| {
        let input = page.inputs.iter().find(|input| !key.is_empty() && input.name == key)?;
        Some(match rest.strip_prefix("is wrong: ") {
            Some(why) => Wrong::new(key, why),
            None => Wrong::new(key, format!("{} {rest}", input.label)),
        })
    });
    named.unwrap_or_else(|| Wrong::new("", message))
}

/// The mistakes of what a form says, at the fields of its page.
pub(super) fn mistakes_on(page: &AskPage, mistakes: &Mistakes) -> Vec<Wrong> {
    mistakes.problems.iter().map(|problem| in_words_of(page, &problem.message)).collect()
}

/// What to say of an edit that was not made: on the page of the form where that helps.
pub(super) fn refused(desk: &Desk, page: AskPage, error: ApplyError) -> Result<Response, Trouble> {
    match error {
        ApplyError::Mistakes(mistakes) => {
            let wrong = mistakes_on(&page, &mistakes);
            Ok(desk.ask_marked(page, StatusCode::BAD_REQUEST, wrong))
        }
        ApplyError::ChangedMeanwhile(what) => {
            let page = AskPage { anew: Some(page.action.clone()), ..page };
            let why = format!(
                "{what} was changed by somebody else, or in another window, since this was opened. Nothing was changed now"
            );
            Ok(desk.ask_again(page, StatusCode::CONFLICT, why))
        }
        ApplyError::AudienceTaken => {
            let why = "another server has taken this audience just now: choose another one";
            Ok(desk.ask_marked(page, StatusCode::CONFLICT, vec![Wrong::new("audience", why)]))
        }
        error => Err(desk.visit.fault(error)),
    }
}

/// The words of an error as a sentence on a page.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let mut text: String =
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
