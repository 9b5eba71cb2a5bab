//! What people want done about how they log in.

use reqwest::StatusCode;
use sallyport::app::routes::Route;

use super::{Errand, Make, Props, with_cookies};

impl Props {
    pub(super) fn security(
        &self,
        route: &Route,
        path: String,
        one: &impl Fn(&'static str, StatusCode, String, Make) -> Errand,
    ) -> Vec<Errand> {
        match (route.method.as_str(), route.path) {
            ("GET", "/t/{tenant}/account/passkey") => {
                vec![one("ask for a passkey", StatusCode::SEE_OTHER, path, with_cookies(&self.cookies))]
            }
            ("POST", "/t/{tenant}/account/passkey") => {
                let form = vec![("csrf", self.account_csrf.clone()), ("credential", "{}".to_owned())];
                vec![one("bring a passkey", StatusCode::SEE_OTHER, path, self.form(&self.cookies, form))]
            }
            ("POST", "/t/{tenant}/login/passkey") => {
                let form = vec![("csrf", self.stranger.1.clone()), ("credential", "{}".to_owned())];
                vec![one("show a passkey", StatusCode::FORBIDDEN, path, self.form(&self.stranger.0, form))]
            }
            ("POST", "/t/{tenant}/account/totp") => {
                let form = vec![("csrf", self.account_csrf.clone()), ("code", "123456".to_owned())];
                vec![one("try a code", StatusCode::BAD_REQUEST, path, self.form(&self.cookies, form))]
            }
            (
                "POST",
                "/t/{tenant}/account/passkey/remove"
                | "/t/{tenant}/account/totp/remove"
                | "/t/{tenant}/account/recovery"
                | "/t/{tenant}/account/sessions/end",
            ) => {
                let nobody = "00000000-0000-7000-8000-000000000000".to_owned();
                let form = vec![("csrf", self.account_csrf.clone()), ("session", nobody)];
                vec![one("take away what is not there", StatusCode::SEE_OTHER, path, self.form(&self.cookies, form))]
            }
            ("POST", "/t/{tenant}/account/identity") => {
                let form = vec![("csrf", self.account_csrf.clone()), ("provider", "nobody".to_owned())];
                vec![one("link a provider", StatusCode::NOT_FOUND, path, self.form(&self.cookies, form))]
            }
            ("POST", "/t/{tenant}/account/identity/remove") => {
                let form = vec![("csrf", self.account_csrf.clone()), ("provider", "nobody".to_owned())];
                vec![one("unlink a provider", StatusCode::SEE_OTHER, path, self.form(&self.cookies, form))]
            }
            ("POST", "/t/{tenant}/account/password") => {
                let own = || self.password.clone();
                let csrf = self.account_csrf.clone();
                let form = vec![("csrf", csrf), ("current", own()), ("password", own()), ("repeat", own())];
                vec![one("change the password", StatusCode::SEE_OTHER, path, self.form(&self.cookies, form))]
            }
            ("GET", "/t/{tenant}/login/second") => {
                let cookies = self.waiting.cookies("acme");
                vec![one("be asked for a second factor", StatusCode::OK, path, with_cookies(&cookies))]
            }
            ("POST", "/t/{tenant}/login/second") => {
                let form = vec![("csrf", self.waiting.csrf.clone()), ("recovery", self.waiting.recovery.clone())];
                let form = self.form(&self.waiting.cookies("acme"), form);
                vec![one("use a recovery code", StatusCode::SEE_OTHER, path, form)]
            }
            other => panic!("{other:?} is new: say what is done there"),
        }
    }
}
