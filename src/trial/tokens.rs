//! The token endpoint's answers (RFC 6749 §5).

use std::io::Write;

use reqwest::header;
use serde_json::Value;

use super::{
    Stop, Trial,
    document::{Document, parsed, shown, text},
    http::Answer,
    login::Session,
    report::{Step, quoted},
    rules,
};
use crate::secret::SecretText;

/// What the client holds.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) access: SecretText,
    pub(super) refresh: Option<SecretText>,
    /// What was granted, where it is known.
    pub(super) scope: Option<String>,
}

impl<W: Write> Trial<'_, W> {
    /// Exchanges a code.
    pub(super) async fn exchange(&mut self, session: &Session, fields: &[(&str, &str)]) -> Result<Tokens, Stop> {
        let mut step = Step::new("Exchange");
        let request = session.client.form(self.http.post(&session.issuer.token), fields);
        let tokens = match self.http.send(request).await {
            Ok(answer) => self.judge_tokens(&mut step, session, &answer),
            Err(failed) => {
                step.broke(failed.rule, failed.why);
                Err(Stop)
            }
        };
        self.report.end(step);
        tokens
    }

    /// Takes the tokens of an answer, and says what is wrong with it.
    pub(super) fn judge_tokens(&mut self, step: &mut Step, session: &Session, answer: &Answer) -> Result<Tokens, Stop> {
        let status = answer.status.as_u16();
        step.got(format!("{status}{}", if status == 200 { String::new() } else { answer.said() }));
        if status != 200 {
            step.broke(&rules::TOKEN_REFUSED, format!("The token request is answered {status}{}.", answer.said()));
            return Err(Stop);
        }
        let document = parsed(step, session.issuer.token.as_str(), answer).ok_or(Stop)?;
        let access = text(&document, "access_token").filter(|token| !token.is_empty());
        let access = access.map(|token| SecretText::new(token.to_owned()));
        let refresh = text(&document, "refresh_token").map(|token| SecretText::new(token.to_owned()));
        access.iter().chain(&refresh).for_each(|token| self.report.secret(token));
        let Some(access) = access else {
            step.broke(&rules::NO_ACCESS_TOKEN, "The answer has no access_token.");
            return Err(Stop);
        };
        if !answer.header(header::CACHE_CONTROL).to_ascii_lowercase().contains("no-store") {
            step.broke(&rules::NO_STORE, "The answer with the token has no Cache-Control: no-store.");
        }
        judge_type(step, &document)?;
        judge_lifetime(step, &document);
        let scope = text(&document, "scope").map(str::to_owned).or_else(|| session.scope.clone());
        judge_scope(step, session.scope.as_deref(), scope.as_deref());
        if refresh.is_none() {
            step.broke(&rules::NO_REFRESH_TOKEN, "There is no refresh token.");
        }
        step.got(format!(
            "200, access token for {} s, scope {}{}",
            shown(&document, "expires_in"),
            scope.as_deref().map_or("not said", |scope| if scope.is_empty() { "none" } else { scope }),
            if refresh.is_some() { ", refresh token" } else { "" }
        ));
        Ok(Tokens { access, refresh, scope })
    }
}

fn judge_type(step: &mut Step, document: &Document) -> Result<(), Stop> {
    match text(document, "token_type") {
        Some("Bearer") => Ok(()),
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => {
            step.broke(&rules::TOKEN_TYPE_CASE, format!("token_type is \"{kind}\"; most servers write Bearer."));
            Ok(())
        }
        _ => {
            let sentence = format!("token_type is {}, and only Bearer is known here.", shown(document, "token_type"));
            step.broke(&rules::TOKEN_TYPE, sentence);
            // A token that is bound to a key is of no use without it.
            if text(document, "token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("dpop")) {
                Err(Stop)
            } else {
                Ok(())
            }
        }
    }
}

fn judge_lifetime(step: &mut Step, document: &Document) {
    match document.get("expires_in") {
        None => step.broke(&rules::NO_EXPIRES_IN, "expires_in is missing."),
        Some(Value::Number(seconds)) if seconds.as_u64().is_some_and(|seconds| seconds > 0) => {}
        Some(other) => step.broke(&rules::EXPIRES_IN, format!("expires_in is {}.", quoted(other))),
    }
}

fn judge_scope(step: &mut Step, asked: Option<&str>, granted: Option<&str>) {
    let (Some(asked), Some(granted)) = (asked, granted) else { return };
    let granted: Vec<&str> = granted.split(' ').collect();
    let lacking: Vec<&str> = asked.split(' ').filter(|scope| !scope.is_empty() && !granted.contains(scope)).collect();
    if !lacking.is_empty() {
        step.broke(&rules::SCOPE_NARROWED, format!("Asked for and not granted: {}.", lacking.join(" ")));
    }
}
