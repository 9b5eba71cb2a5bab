//! A person logs in: in a browser that comes back to this computer (RFC 8252), or on another device (RFC 8628).

mod browser;
mod catcher;
mod device;

use std::io::Write;

pub(super) use catcher::Catcher;
pub(super) use device::DEVICE_GRANT;

use super::{
    Login, Stop, Trial, challenge::Challenge, issuer::Issuer, registration::Client, report::Step, resource::Resource,
    rules, tokens::Tokens,
};

/// Everything that was found out before the login.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) resource: Resource,
    pub(super) issuer: Issuer,
    pub(super) client: Client,
    pub(super) catcher: Option<Catcher>,
    /// What is asked for.
    pub(super) scope: Option<String>,
    /// Tokens of logins before the last.
    pub(super) older: Vec<Tokens>,
    /// Whether 2026-07-28 is spoken here.
    pub(super) modern: bool,
}

impl Session {
    /// RFC 8707: asked for with every request, where a document says what it is.
    pub(super) fn with_resource<'a>(&'a self, mut fields: Vec<(&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
        fields.extend(self.resource.identifier.as_deref().map(|resource| ("resource", resource)));
        fields
    }
}

impl<W: Write> Trial<'_, W> {
    /// Listens for the browser before the client registers: its port is a part of the registration.
    pub(super) async fn catcher(&mut self) -> Result<Option<Catcher>, Stop> {
        if self.options.login == Login::Device {
            return Ok(None);
        }
        match Catcher::listen(&self.options.redirect).await {
            Ok(catcher) => Ok(Some(catcher)),
            Err(why) => {
                let mut step = Step::new("Listen");
                step.broke(
                    &rules::NO_ANSWER_FROM_BROWSER,
                    format!("This computer cannot listen for the browser: {why}."),
                );
                self.report.end(step);
                Err(Stop)
            }
        }
    }

    /// The scopes to ask for, as MCP has it: those of the challenge, else those of the resource's document, else none.
    pub(super) fn scope(&self, session: &Session, challenge: Option<&Challenge>) -> Option<String> {
        if let Some(scope) = &self.options.scope {
            return Some(scope.clone());
        }
        let all = || (!session.resource.scopes.is_empty()).then(|| session.resource.scopes.join(" "));
        let scope = challenge.and_then(|challenge| challenge.get("scope")).map(str::to_owned).or_else(all);
        match scope {
            Some(scope) if session.issuer.offline && !scope.split(' ').any(|one| one == "offline_access") => {
                Some(format!("{scope} offline_access"))
            }
            scope => scope,
        }
    }

    /// Gets tokens.
    pub(super) async fn log_in(&mut self, session: &mut Session) -> Result<Tokens, Stop> {
        match self.options.login {
            Login::Device => self.by_device(session).await,
            Login::Browser | Login::Printed => self.by_browser(session).await,
        }
    }
}
