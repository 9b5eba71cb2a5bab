//! The pages on which a person decides for a device without a browser.

use askama::Template;

use super::{ClientView, ScopeChoice, ServerView, filters};

/// The question "which code does your device show?".
///
/// The form posts `user_code` and `csrf`.
#[derive(Template)]
#[template(path = "device_code.html")]
pub struct DeviceCodePage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Where the form posts to.
    pub action: String,
    /// The CSRF token of both forms of the page.
    pub csrf: String,
    /// Who is logged in.
    pub person: String,
    /// Where "Not you?" posts to.
    pub switch_action: String,
    /// Whether the code came with the address instead of being typed.
    pub given: bool,
    /// What stands in the field.
    pub user_code: String,
    /// Why the last code was not taken and what to do, in whole sentences.
    pub error: Option<String>,
}

/// The question "may this device use that server for you?".
///
/// The form posts `decision` (`approve` or `deny`), one `scope` for each box that is ticked, `csrf`, `user_code` and `seen`.
#[derive(Template)]
#[template(path = "device.html")]
pub struct DevicePage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Where the form posts to.
    pub action: String,
    /// The CSRF token of both forms of the page.
    pub csrf: String,
    /// Proof that this login was asked about this code.
    pub seen: String,
    /// The code to compare, as the device shows it.
    pub user_code: String,
    /// Who asks.
    pub client: ClientView,
    /// From where.
    pub device: DeviceView,
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
    /// How long the consent lasts, as the rest of a sentence, without a full stop.
    pub lifetime: String,
    /// The address of the page on which the person can take it back.
    pub manage_url: String,
    /// What is different from the last consent, each a whole sentence.
    pub changed: Vec<String>,
    /// Why the last answer could not be taken and what to do, in whole sentences.
    pub error: Option<String>,
}

/// Where a device's request came from.
pub struct DeviceView {
    /// The address that it came from.
    pub address: String,
    /// What the program calls itself.
    pub user_agent: Option<String>,
    /// When: `2 minutes ago`.
    pub asked: String,
}

/// What is shown after the answer.
#[derive(Template)]
#[template(path = "device_done.html")]
pub struct DeviceDonePage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// The client's name, as it chose it.
    pub client_name: String,
    /// The server's name, in the tenant's words.
    pub server_name: String,
    /// Whether the person said yes.
    pub approved: bool,
    /// The address of the page on which the person can take it back.
    pub manage_url: String,
}
