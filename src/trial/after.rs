//! What makes the difference between a login that worked once and one that can be relied on: other tokens are refused,
//! tokens are renewed, and what is revoked is dead.

use std::io::Write;

use reqwest::StatusCode;

use super::{
    Stop, Trial,
    http::{Answer, Failed},
    knock,
    login::Session,
    report::Step,
    rules, talk,
    tokens::Tokens,
};
use crate::secret::SecretText;

/// A token that nobody issued.
const GARBAGE: &str = "sallyport-try-garbage-000000000000000000000000";

impl<W: Write> Trial<'_, W> {
    /// A token of nobody's must be refused, in the words that make clients log in again.
    pub(super) async fn garbage(&mut self, session: &Session) {
        let mut step = Step::new("Garbage token");
        match self.probe(session, GARBAGE).await {
            Ok(answer) => {
                let status = answer.status.as_u16();
                step.got(status.to_string());
                match status {
                    401 => match knock::read(&mut step, &answer) {
                        Some(challenge) if challenge.get("error") == Some("invalid_token") => {
                            step.got("401 invalid_token");
                        }
                        Some(_) => step.broke(&rules::NO_INVALID_TOKEN, "The challenge does not say invalid_token."),
                        None => {}
                    },
                    200..=299 => {
                        step.broke(&rules::GARBAGE_TAKEN, format!("A token of nobody's is answered {status}."))
                    }
                    _ => step
                        .broke(&rules::GARBAGE_STATUS, format!("A token of nobody's is answered {status}, not 401.")),
                }
            }
            Err(failed) => step.broke(failed.rule, failed.why),
        }
        self.report.end(step);
    }

    /// Any request with a token, in a revision that is spoken here.
    async fn probe(&self, session: &Session, token: &str) -> Result<Answer, Failed> {
        let url = self.options.url.url();
        let request = if session.modern {
            talk::modern(self.http, url, "tools/list", &serde_json::json!({}), None)
        } else {
            talk::initialize(self.http, url)
        };
        self.http.send_until(request.bearer_auth(token), talk::is_complete).await
    }

    /// Renews the tokens.
    pub(super) async fn refresh(&mut self, session: &Session, tokens: &mut Tokens) {
        let Some(old) = tokens.refresh.clone() else { return };
        let mut step = Step::new("Refresh");
        match self.refreshed(&mut step, session, &old).await {
            Ok(mut new) => {
                let rotated = new.refresh.as_ref().is_some_and(|new| new.expose() != old.expose());
                if !rotated && session.client.is_public() {
                    step.broke(&rules::NOT_ROTATED, "A public client's refresh token stays the same.");
                }
                match self.probe(session, new.access.expose()).await {
                    Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => {
                        step.broke(&rules::TOKEN_NOT_TAKEN, "The new access token is refused with 401.");
                    }
                    Ok(_) => drop(step.got("new tokens, and they are taken")),
                    Err(failed) => step.broke(failed.rule, failed.why),
                }
                new.refresh = new.refresh.or(Some(old));
                *tokens = new;
            }
            Err(Stop) => step.broke(&rules::REFRESH_REFUSED, "The refresh token gets no new tokens."),
        }
        self.report.end(step);
    }

    async fn refreshed(&mut self, step: &mut Step, session: &Session, old: &SecretText) -> Result<Tokens, Stop> {
        let answer = self.send_refresh(session, old).await.map_err(|failed| {
            step.broke(failed.rule, failed.why);
            Stop
        })?;
        if answer.status != 200 {
            step.got(format!("{}{}", answer.status.as_u16(), answer.said()));
            return Err(Stop);
        }
        // A refresh token that stays is judged by the caller.
        let mut judged = Step::new("Refresh");
        let tokens = self.judge_tokens(&mut judged, session, &answer);
        judged.hand_over(step, &[&rules::NO_REFRESH_TOKEN, &rules::SCOPE_NARROWED]);
        tokens
    }

    async fn send_refresh(&self, session: &Session, token: &SecretText) -> Result<Answer, Failed> {
        let fields = vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())];
        let request = session.client.form(self.http.post(&session.issuer.token), &session.with_resource(fields));
        self.http.send(request).await
    }

    /// Gives the tokens back, and looks whether they are dead.
    pub(super) async fn revoke(&mut self, session: &Session, tokens: &Tokens) {
        let mut step = Step::new("Revoke");
        if session.issuer.revocation.is_none() {
            step.got("not offered");
            step.broke(&rules::NO_REVOCATION, "The metadata have no revocation_endpoint: the tokens live on.");
        } else if let Err(failed) = self.revoked(&mut step, session, tokens).await {
            step.broke(failed.rule, failed.why);
        }
        self.report.end(step);
    }

    async fn revoked(&mut self, step: &mut Step, session: &Session, tokens: &Tokens) -> Result<(), Failed> {
        for older in &session.older {
            match &older.refresh {
                Some(refresh) => self.hand_back(step, session, refresh, "refresh_token").await?,
                None => self.hand_back(step, session, &older.access, "access_token").await?,
            }
        }
        let mut refused = None;
        if let Some(refresh) = &tokens.refresh {
            self.hand_back(step, session, refresh, "refresh_token").await?;
            if self.send_refresh(session, refresh).await?.status.is_success() {
                step.broke(&rules::STILL_ALIVE, "The revoked refresh token still gets new tokens.");
            }
            refused = self.is_refused(session, tokens).await?;
        }
        let with = if refused == Some(true) { "both died with the refresh token" } else { "given back" };
        if refused != Some(true) {
            self.hand_back(step, session, &tokens.access, "access_token").await?;
            refused = self.is_refused(session, tokens).await?;
        }
        match refused {
            Some(true) => drop(step.got(format!("{with}, refused from now on"))),
            Some(false) => {
                step.got("accepted, without effect");
                step.broke(&rules::STILL_ALIVE, "The revoked access token is still taken by the server.");
            }
            None => drop(step.got("given back; the server says neither that it is refused nor that it is taken")),
        }
        Ok(())
    }

    /// Whether the token is refused; none where the answer says neither.
    async fn is_refused(&self, session: &Session, tokens: &Tokens) -> Result<Option<bool>, Failed> {
        let status = self.probe(session, tokens.access.expose()).await?.status;
        Ok(match status {
            StatusCode::UNAUTHORIZED => Some(true),
            status if status.is_success() => Some(false),
            _ => None,
        })
    }

    async fn hand_back(
        &self,
        step: &mut Step,
        session: &Session,
        token: &SecretText,
        hint: &str,
    ) -> Result<(), Failed> {
        let Some(endpoint) = &session.issuer.revocation else { return Ok(()) };
        let fields = [("token", token.expose()), ("token_type_hint", hint)];
        let answer = self.http.send(session.client.form(self.http.post(endpoint), &fields)).await?;
        if answer.status != 200 {
            let sentence =
                format!("The revocation of the {hint} is answered {}{}.", answer.status.as_u16(), answer.said());
            step.broke(&rules::REVOCATION_REFUSED, sentence);
        }
        Ok(())
    }
}
