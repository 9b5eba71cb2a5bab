//! What all changes have in common: the question, the deed, and what is said of it.

use axum::response::Response;
use http::StatusCode;

use super::Desk;
use crate::{
    apply::{self, ApplyError, edit::Edit},
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
