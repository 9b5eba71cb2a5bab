//! Second factors: at login, and where they are set up.

use askama::Template;
use zeroize::Zeroizing;

use super::Qr;

/// What waits for the login, as fields of a form: name and value.
pub type Errand = Option<(&'static str, String)>;

/// The question for a second factor at login.
///
/// One form posts `code`, the other one `recovery`; both `csrf` and what waits.
#[derive(Template)]
#[template(path = "second.html")]
pub struct SecondPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Where the forms post to.
    pub action: String,
    /// The CSRF token of the forms.
    pub csrf: String,
    /// What waits for the login.
    pub waiting: Errand,
    /// Where the login begins anew, for another account.
    pub login_href: String,
    /// Whether it was a recovery code that failed.
    pub recovery: bool,
    /// Why the last try failed and what to do, in whole sentences.
    pub error: Option<String>,
}

/// How an authenticator is set up: at login, where it must be, or from the account.
///
/// The form posts `pending`, `code`, `csrf` and what waits.
#[derive(Template)]
#[template(path = "enrol.html")]
pub struct EnrolPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Where the form posts to.
    pub action: String,
    /// The CSRF token of the form.
    pub csrf: String,
    /// What waits for the login.
    pub waiting: Errand,
    /// Whether the login cannot go on without.
    pub required: bool,
    /// Where to go instead.
    pub back_href: String,
    /// The secret for a camera.
    pub qr: Option<Qr>,
    /// The secret for an authenticator on the same device.
    pub uri: Zeroizing<String>,
    /// The secret to be typed.
    pub secret: Zeroizing<String>,
    /// The secret, sealed: it comes back with the form.
    pub pending: String,
    /// Why the last try failed and what to do, in whole sentences.
    pub error: Option<String>,
}

/// Recovery codes, the one time that they are shown.
#[derive(Template)]
#[template(path = "recovery.html")]
pub struct RecoveryPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Each as it is typed.
    pub codes: Vec<Zeroizing<String>>,
    /// Where to go on.
    pub on_href: String,
    /// Whether an authenticator was set up just now.
    pub enrolled: bool,
}

impl EnrolPage {
    /// The secret in groups of four.
    fn groups(&self) -> Vec<&str> {
        let mut groups = Vec::new();
        let mut rest = self.secret.as_str();
        while let Some((group, after)) = rest.split_at_checked(4) {
            groups.push(group);
            rest = after;
        }
        groups.push(rest);
        groups.retain(|group| !group.is_empty());
        groups
    }
}
