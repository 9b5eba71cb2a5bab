//! Login.

use askama::Template;

use super::filters;

/// The question "who are you?".
///
/// The form posts `username`, `password`, `csrf` and, where there is one, `interaction` or `user_code`.
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// The tenant's name, as its administrator wrote it.
    pub tenant_name: String,
    /// Where the form posts to.
    pub action: String,
    /// The CSRF token of this form.
    pub csrf: String,
    /// The handle of the interaction that waits for the login; none when the person came on their own.
    pub interaction: Option<String>,
    /// The code of a device that waits for the login, or a word for none yet; none when it is no device that waits.
    pub user_code: Option<String>,
    /// The page of the console that the person comes from: name and value of a field.
    pub back: Option<(&'static str, String)>,
    /// What stands in the username field: `login_hint`, or what the person typed before the login failed.
    pub username: String,
    /// Why the last try failed and what to do, in whole sentences. It must not say which of the two fields was wrong.
    pub error: Option<String>,
    /// Who made the person come here.
    pub asking: Option<AskingClient>,
    /// Whether passwords are taken.
    pub passwords: bool,
    /// Other ways to log in, each a form with one button below the other.
    pub choices: Vec<LoginChoice>,
}

/// The client that waits for a login.
pub struct AskingClient {
    /// The client's name, as it chose it.
    pub name: String,
    /// The name of the server it wants to use.
    pub server_name: String,
}

/// Another way to log in: "Continue with …".
pub struct LoginChoice {
    /// The identity provider's name, as the administrator wrote it.
    pub name: String,
    /// Where its form posts to.
    pub action: String,
}

impl LoginPage {
    /// Whether the cursor starts in the password field, because the username is there already.
    fn username_known(&self) -> bool {
        !self.username.is_empty()
    }
}
