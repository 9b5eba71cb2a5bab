//! The code flow with PKCE (RFC 6749 §4.1, RFC 7636), and its answer judged as strictly as RFC 9207 wants it.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use super::{Session, catcher::Parameters};
use crate::{
    secret::{SecretText, same},
    trial::{
        Login, Stop, Trial,
        issuer::Issuer,
        report::{Step, amount},
        rules,
        tokens::Tokens,
    },
};

impl<W: Write> Trial<'_, W> {
    /// Sends a person through the browser, and exchanges what it brings back.
    pub(super) async fn by_browser(&mut self, session: &mut Session) -> Result<Tokens, Stop> {
        let mut step = Step::new("Log in");
        let answered = self.answered(&mut step, session).await;
        self.report.end(step);
        let (code, verifier) = answered?;
        let redirect_uri = session.catcher.as_ref().map(|catcher| catcher.uri().to_owned()).unwrap_or_default();
        let fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", &redirect_uri),
            ("code_verifier", verifier.expose()),
        ];
        self.exchange(session, &session.with_resource(fields)).await
    }

    async fn answered(&mut self, step: &mut Step, session: &mut Session) -> Result<(SecretText, SecretText), Stop> {
        let (Ok(state), Ok(verifier)) = (self.entropy.text::<24>(), self.entropy.text::<32>()) else {
            step.got("this computer has no random numbers");
            return Err(Stop);
        };
        let verifier = SecretText::new(verifier);
        self.report.secret(&verifier);
        let (Some(mut url), Some(catcher)) = (session.issuer.authorization.clone(), session.catcher.as_mut()) else {
            step.broke(&rules::MISSING_ENDPOINT, "authorization_endpoint is missing.");
            return Err(Stop);
        };
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.expose().as_bytes()));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &session.client.id)
            .append_pair("redirect_uri", catcher.uri())
            .append_pair("state", &state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        let more = [("scope", &session.scope), ("resource", &session.resource.identifier)];
        for (name, value) in more {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        if session.scope.as_deref().is_some_and(|scope| scope.split(' ').any(|one| one == "offline_access")) {
            // OpenID Connect gives it to nobody who was not asked (Core §11).
            url.query_pairs_mut().append_pair("prompt", "consent");
        }
        catcher.forget();
        let opened = self.options.login == Login::Browser && open(&url);
        let what = if opened { "A browser opens; if it does not, open:" } else { "Open this in a browser:" };
        self.report.ask(&[what, url.as_str(), &format!("Waiting at {} for the answer.", catcher.uri())]);
        let Some(parameters) = catcher.next(self.options.wait).await else {
            let waited = amount(self.options.wait.as_secs(), "second");
            step.got("no answer");
            let sentence = format!("Nobody came back from the browser in {waited} (--wait). What does its page say?");
            step.broke(&rules::NO_ANSWER_FROM_BROWSER, sentence);
            return Err(Stop);
        };
        for (_, value) in parameters.iter().filter(|(name, _)| name == "code") {
            self.report.secret(&SecretText::new(value.clone()));
        }
        let code = judge(step, &parameters, &state, &session.issuer)?;
        step.got("a code");
        Ok((code, verifier))
    }
}

/// The code, if the answer is for this request and from this issuer.
fn judge(step: &mut Step, parameters: &Parameters, state: &str, issuer: &Issuer) -> Result<SecretText, Stop> {
    let get = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    for name in ["code", "state", "iss", "error"] {
        if parameters.iter().filter(|(known, _)| known == name).count() > 1 {
            step.broke(&rules::REPEATED, format!("The answer has {name} more than once."));
            return Err(Stop);
        }
    }
    match get("state") {
        None => step.broke(&rules::STATE_MISSING, "The answer has no state."),
        Some(got) if !same(got.as_bytes(), state.as_bytes()) => {
            step.broke(&rules::STATE_DIFFERS, "The answer has another state than the request.");
        }
        Some(_) => {}
    }
    match (get("iss"), issuer.says_iss) {
        (None, true) => step.broke(&rules::ISS_MISSING, "The answer has no iss, and the metadata promise it."),
        (None, false) => {}
        (Some(iss), _) if iss != issuer.name => {
            let sentence = format!("The answer has iss \"{iss}\", and the issuer is \"{}\".", issuer.name);
            step.broke(&rules::ISS_DIFFERS, sentence);
        }
        (Some(_), false) => step.broke(&rules::ISS_UNANNOUNCED, "The answer has iss, and the metadata do not say so."),
        (Some(_), true) => {}
    }
    if let Some(error) = get("error") {
        let why = get("error_description").map(|why| format!(": {why}")).unwrap_or_default();
        step.got(error);
        step.broke(&rules::LOGIN_REFUSED, format!("The answer is {error}{why}."));
        return Err(Stop);
    }
    if step.has(&[&rules::STATE_MISSING, &rules::STATE_DIFFERS, &rules::ISS_MISSING, &rules::ISS_DIFFERS]) {
        step.more("the code is not used: the answer may be somebody else's");
        return Err(Stop);
    }
    get("code").filter(|code| !code.is_empty()).map(|code| SecretText::new(code.to_owned())).ok_or_else(|| {
        step.broke(&rules::CODE_MISSING, "The answer has neither a code nor an error.");
        Stop
    })
}

/// Opens a browser where there is one.
fn open(url: &Url) -> bool {
    if !crate::config::screen() {
        return false;
    }
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(program);
    command.arg(url.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(says_iss: bool, query: &str) -> (bool, Vec<&'static str>) {
        let url = Url::parse("https://as.example/x").unwrap();
        let issuer = Issuer {
            name: "https://as.example".to_owned(),
            authorization: None,
            token: url,
            registration: None,
            revocation: None,
            device: None,
            methods: Vec::new(),
            says_iss,
            offline: false,
            documents: false,
        };
        let parameters = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut step = Step::new("Log in");
        let code = judge(&mut step, &parameters, "s-1", &issuer);
        (code.is_ok(), step.codes())
    }

    #[test]
    fn an_answer_is_taken_only_if_it_is_for_us_and_from_them() {
        let iss = "iss=https%3A%2F%2Fas.example";
        for (says, query, taken, codes) in [
            (true, format!("code=c&state=s-1&{iss}"), true, vec![]),
            (false, "code=c&state=s-1".to_owned(), true, vec![]),
            (false, format!("code=c&state=s-1&{iss}"), true, vec!["iss-not-advertised"]),
            (true, "code=c&state=s-1".to_owned(), false, vec!["iss-missing"]),
            (false, format!("code=c&state=s-1&{iss}%2F"), false, vec!["iss-differs"]),
            (true, format!("code=c&{iss}"), false, vec!["state-missing"]),
            (true, format!("code=c&state=s-2&{iss}"), false, vec!["state-differs"]),
            (true, format!("code=c&code=d&state=s-1&{iss}"), false, vec!["repeated-parameter"]),
            (true, format!("state=s-1&{iss}"), false, vec!["no-code"]),
            (true, format!("error=access_denied&state=s-1&{iss}"), false, vec!["login-refused"]),
        ] {
            assert_eq!(judged(says, &query), (taken, codes), "{query}");
        }
    }
}
