//! The device flow (RFC 8628): a person types a code elsewhere, and the client asks until they did.

use std::{io::Write, time::Duration};

use serde_json::Value;
use url::Url;

use super::Session;
use crate::{
    secret::SecretText,
    trial::{
        Stop, Trial,
        document::{Document, parsed, shown, text},
        report::Step,
        rules,
        tokens::Tokens,
    },
};

/// The grant type (RFC 8628 §3.4).
pub(in crate::trial) const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Where the server does not say how often to ask (RFC 8628 §3.2), and by how much `slow_down` slows (§3.5), in seconds.
const INTERVAL: u64 = 5;

struct Begun {
    code: SecretText,
    interval: u64,
    expires: u64,
}

impl<W: Write> Trial<'_, W> {
    /// Shows the code, waits, and gets the tokens.
    pub(super) async fn by_device(&mut self, session: &mut Session) -> Result<Tokens, Stop> {
        let mut step = Step::new("Ask for a code");
        let begun = self.begun(&mut step, session).await;
        self.report.end(step);
        let begun = begun?;
        let mut step = Step::new("Exchange");
        let tokens = self.polled(&mut step, session, &begun).await;
        self.report.end(step);
        tokens
    }

    async fn begun(&mut self, step: &mut Step, session: &Session) -> Result<Begun, Stop> {
        let Some(endpoint) = &session.issuer.device else {
            step.got("not possible");
            step.broke(&rules::NO_DEVICE_ENDPOINT, "The metadata have no device_authorization_endpoint.");
            return Err(Stop);
        };
        let fields = session.with_resource(session.scope.iter().map(|scope| ("scope", scope.as_str())).collect());
        let request = session.client.form(self.http.post(endpoint), &fields);
        let answer = self.http.send(request).await.map_err(|failed| {
            step.broke(failed.rule, failed.why);
            Stop
        })?;
        step.got(format!("{}{}", answer.status.as_u16(), answer.said()));
        if answer.status != 200 {
            let sentence = format!("It is answered {}{}.", answer.status.as_u16(), answer.said());
            step.broke(&rules::DEVICE_ANSWER, sentence);
            return Err(Stop);
        }
        let document = parsed(step, endpoint.as_str(), &answer).ok_or(Stop)?;
        self.shown_to_person(step, &document)
    }

    fn shown_to_person(&mut self, step: &mut Step, document: &Document) -> Result<Begun, Stop> {
        let code = text(document, "device_code").map(|code| SecretText::new(code.to_owned()));
        code.iter().for_each(|code| self.report.secret(code));
        let expires = document.get("expires_in").and_then(Value::as_u64);
        for name in ["device_code", "user_code", "verification_uri"] {
            if text(document, name).is_none() {
                step.broke(&rules::DEVICE_ANSWER, format!("{name} is {}.", shown(document, name)));
            }
        }
        if expires.is_none() {
            step.broke(
                &rules::DEVICE_ANSWER,
                format!("expires_in is {}, and must be a number.", shown(document, "expires_in")),
            );
        }
        let (Some(code), Some(user), Some(place)) =
            (code, text(document, "user_code"), text(document, "verification_uri"))
        else {
            return Err(Stop);
        };
        if let Some(Err(failed)) = Url::parse(place).ok().map(|url| self.http.may_go(&url)) {
            step.broke(failed.rule, format!("verification_uri: {}", failed.why));
            return Err(Stop);
        }
        let expires = expires.unwrap_or(600);
        step.got(format!("a code, good for {expires} seconds"));
        self.report.ask(&[&format!("On any device, open {place} and type {user}")]);
        let interval = document.get("interval").and_then(Value::as_u64).unwrap_or(INTERVAL).clamp(1, 60);
        Ok(Begun { code, interval, expires })
    }

    async fn polled(&mut self, step: &mut Step, session: &Session, begun: &Begun) -> Result<Tokens, Stop> {
        let mut interval = begun.interval;
        let mut left = begun.expires.min(self.options.wait.as_secs());
        loop {
            // A server that is asked sooner than it said tells the client to slow down.
            tokio::time::sleep(Duration::from_secs(interval)).await;
            let fields = vec![("grant_type", DEVICE_GRANT), ("device_code", begun.code.expose())];
            let request = session.client.form(self.http.post(&session.issuer.token), &session.with_resource(fields));
            let answer = self.http.send(request).await.map_err(|failed| {
                step.broke(failed.rule, failed.why);
                Stop
            })?;
            let error = answer.json().and_then(|body| body.get("error").and_then(Value::as_str).map(str::to_owned));
            match error.as_deref() {
                Some("authorization_pending") => {}
                Some("slow_down") => interval += INTERVAL,
                _ => return self.judge_tokens(step, session, &answer),
            }
            left = left.saturating_sub(interval);
            if left == 0 {
                step.got("nobody typed it");
                step.broke(&rules::NO_ANSWER_FROM_BROWSER, "Nobody typed the code in time (--wait).");
                return Err(Stop);
            }
        }
    }
}
