//! Consent: the page on which a person says who may do what in their name.

use askama::Template;

use super::{display_text, filters};

/// The question "may this client use that server for you?".
///
/// The form posts `decision` (`approve` or `deny`), one `scope` for each box that is ticked, `csrf` and `interaction`.
/// A person may clear every box and approve: the page is then shown again with an [`error`](Self::error).
#[derive(Template)]
#[template(path = "consent.html")]
pub struct ConsentPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Where the form posts to.
    pub action: String,
    /// The CSRF token of both forms of the page.
    pub csrf: String,
    /// The handle of the interaction.
    pub interaction: String,
    /// Who asks.
    pub client: ClientView,
    /// Where the answer goes.
    pub return_to: ReturnTo,
    /// What the client wants to use.
    pub server: ServerView,
    /// The scopes that only read.
    pub read: Vec<ScopeChoice>,
    /// The scopes that can change something.
    pub change: Vec<ScopeChoice>,
    /// Who is logged in.
    pub person: String,
    /// Where "Not you?" posts to.
    pub switch_action: String,
    /// How long the consent lasts, as the rest of a sentence, without a full stop: `until you take it back, at most 30 days`.
    pub lifetime: String,
    /// The address of the page on which the person can take it back.
    pub manage_url: String,
    /// What is different from the last consent, each a whole sentence; voids the short form.
    pub changed: Vec<String>,
    /// The person allowed all of this before and is only asked because the client cannot prove itself: the page is
    /// short, and what it allows is folded.
    pub allowed_before: bool,
    /// Why the last answer could not be taken and what to do, in whole sentences.
    pub error: Option<String>,
}

/// A client, as the person sees it. All but `verified`, `host` and `registered` is its own claim.
pub struct ClientView {
    /// The name it chose.
    pub name: String,
    /// Whether the tenant vouches for that name.
    pub verified: bool,
    /// The host that answers for it: where its metadata document is.
    pub host: Option<String>,
    /// Whom the tenant trusts and who vouches for name and redirect URIs.
    pub vouched_by: Option<String>,
    /// The host of the website it names.
    pub uri: Option<String>,
    /// When it registered, to follow "Registered": `2 minutes ago`.
    pub registered: String,
    /// Its client id.
    pub client_id: String,
}

/// Where the browser goes after the answer.
pub enum ReturnTo {
    /// A website: the host, with its port where it has one.
    Host(String),
    /// A program on this computer that listens on a loopback address: host and port, as far as they are known.
    ThisComputer(String),
    /// A program on this computer that has claimed a scheme: the scheme with what follows it, `cursor://callback`.
    Program(String),
}

/// A server, in the tenant's words.
pub struct ServerView {
    /// Its name.
    pub name: String,
    /// What it is for, in one sentence.
    pub description: String,
    /// Its resource identifier.
    pub resource: String,
}

/// A scope that can be granted or left out.
pub struct ScopeChoice {
    /// The scope, as it stands in the token.
    pub name: String,
    /// What it allows, in a sentence that needs no programmer.
    pub sentence: String,
    /// The names of the tools it covers.
    pub tools: Vec<String>,
    /// Whether its box starts ticked.
    pub checked: bool,
}

impl ClientView {
    /// Whether somebody answers for it.
    pub(super) fn is_known(&self) -> bool {
        self.verified || self.vouched_by.is_some() || self.host.is_some()
    }

    /// The first letter of its name, for its tile.
    pub(super) fn initial(&self) -> String {
        let name = display_text(&self.name, 80);
        name.chars().find(|c| c.is_alphanumeric()).map_or_else(|| "?".to_owned(), |c| c.to_uppercase().to_string())
    }
}

impl ReturnTo {
    fn address(&self) -> &str {
        match self {
            Self::Host(address) | Self::ThisComputer(address) | Self::Program(address) => address,
        }
    }
}

impl ConsentPage {
    /// The short form is only for what has not changed.
    fn short(&self) -> bool {
        self.allowed_before && self.changed.is_empty()
    }

    /// Whether anything on the page is a reason to stop and think. Then neither answer is the bright button.
    fn warns(&self) -> bool {
        !self.known() || !self.changed.is_empty() || !matches!(self.return_to, ReturnTo::Host(_))
    }

    /// Whether the name is more than the client's own claim.
    fn known(&self) -> bool {
        self.client.is_known()
    }
}
