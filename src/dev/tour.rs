//! The first-run tour: one whole flow against the running installation, told as a story.
//!
//! It is a client like any other. It knows the MCP URL and a person's password, speaks HTTP, and calls nothing of this crate
//! that serves. Two parties take part, as in real life: a [`client`] and a person's [`browser`].

mod browser;
mod challenge;
mod client;
mod form;
mod mcp;
mod surprise;

use std::{
    io::Write,
    time::{Duration, Instant},
};

use browser::Browser;
use client::{Client, Issuer, Registered, Request, Tokens};
use surprise::Surprise;

use super::{
    people::Person,
    story::{Saw, Story, Who, millis},
};
use crate::secret::{Entropy, SecretText};

/// A server that answers no sooner is broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the tour knows beforehand.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    /// The MCP URL.
    pub resource: &'a str,
    /// Who logs in.
    pub person: &'a Person,
    /// Chance for verifier and state.
    pub entropy: &'a Entropy,
}

/// A step that did not go as it should.
#[derive(Debug, thiserror::Error)]
#[error("“{step}” failed: {why}")]
pub(super) struct TourError {
    step: &'static str,
    why: Surprise,
}

/// Plays the tour and tells it. Whether it went as it should is the story's end, and the result.
pub(super) async fn play<W: Write>(stage: &Stage<'_>, story: &mut Story<W>) -> Result<(), TourError> {
    story.heading("One call through both doors", "");
    let url = stage.resource;
    story.prose(&format!(
        "A client that knows nothing but {url} gets in, calls a tool, and is shut out again. All of it is real HTTP."
    ));
    story.gap();
    let mut tour = Tour { stage, story, steps: 0, began: Instant::now() };
    let played = tour.whole().await;
    let (steps, took) = (tour.steps, millis(tour.began.elapsed()));
    story.gap();
    match &played {
        Ok(()) => {
            story.good(&format!("{steps} steps in {took}, all as they should be. The client is deregistered again."))
        }
        Err(error) => story.bad(&format!("The tour ended early: {error}. Sallyport itself stays up.")),
    }
    played
}

struct Tour<'a, W> {
    stage: &'a Stage<'a>,
    story: &'a mut Story<W>,
    steps: usize,
    began: Instant,
}

impl<W: Write> Tour<'_, W> {
    async fn whole(&mut self) -> Result<(), TourError> {
        let why = |error| TourError { step: "Begin", why: Surprise::no_answer("nothing", error) };
        let client = Client::new(http().build().map_err(why)?, self.stage.resource);
        let browser = Browser::new(http().cookie_store(true).build().map_err(why)?);

        let challenge = self
            .step("Call without a token", client.knock(), |challenge| {
                let scope = challenge.get("scope").unwrap_or("nothing");
                vec![Saw::new(Who::Client, format!("gets 401, a place to read on, and the scopes to ask for: {scope}"))]
            })
            .await?;
        let issuer = self
            .step("Discover", client.discover(&challenge), |issuer| {
                vec![Saw::new(Who::Client, format!("learns who gives out tokens for this server: {}", issuer.issuer))]
            })
            .await?;
        let registered = self
            .step("Register", client.register(&issuer), |registered| {
                let secret = if registered.client_secret.is_some() { "a secret" } else { "no secret" };
                vec![Saw::new(
                    Who::Client,
                    format!("calls itself “{}”, and gets a client id and {secret}", client::NAME),
                )]
            })
            .await?;

        // From here on there is something to clean up, however it goes.
        let scope = challenge.get("scope").unwrap_or_default();
        let used = self.registered(&client, &browser, &issuer, &registered, scope).await;
        let removed = client.deregister(&registered).await;
        used?;
        removed.map_err(|why| TourError { step: "Deregister", why })
    }

    /// What a registered client does: gets a token, uses it, and hands it back.
    async fn registered(
        &mut self,
        client: &Client,
        browser: &Browser,
        issuer: &Issuer,
        registered: &Registered,
        scope: &str,
    ) -> Result<(), TourError> {
        let why = |why: crate::secret::NoEntropy| TourError { step: "Ask for access", why: why.into() };
        let request = client.ask(issuer, registered, scope, self.stage.entropy).map_err(why)?;
        let code = self.authorized(client, browser, issuer, &request).await?;
        let tokens = self
            .step("Exchange the code", client.exchange(issuer, registered, &request, &code), |tokens| {
                let (token, minutes) = (shown(&tokens.access_token), tokens.expires_in / 60);
                let text = format!("gets {token} for {minutes} minutes, scope {}, and a refresh token", tokens.scope);
                vec![Saw::new(Who::Client, text)]
            })
            .await?;
        self.used(client, &tokens).await?;
        self.step("Revoke", client.revoke(issuer, registered, &tokens), |()| {
            vec![Saw::new(Who::Client, "hands its refresh token back, and with it all that came from that code")]
        })
        .await?;
        self.step("Call once more", client.refused(&tokens), |_| {
            let text =
                format!("still has {}, and gets 401 invalid_token: revoked means refused", shown(&tokens.access_token));
            vec![Saw::new(Who::Client, text)]
        })
        .await
        .map(drop)
    }

    /// The person's part: from the client's request to the code.
    async fn authorized(
        &mut self,
        client: &Client,
        browser: &Browser,
        issuer: &Issuer,
        request: &Request,
    ) -> Result<SecretText, TourError> {
        let Person { username, password, .. } = self.stage.person;
        let login = async { browser.open(&request.url).await?.page() };
        let login = self
            .step("Ask for access", login, |_| {
                let text = "opens a browser, and asks for this server and these scopes, with PKCE";
                vec![Saw::new(Who::Client, text)]
            })
            .await?;
        let consent = async {
            let typed = [("username", username.as_str()), ("password", password.expose())];
            browser.submit(&login, login.form_with("password")?, &typed, ("", "")).await?.page()
        };
        let consent = self
            .step("Log in", consent, |_| {
                let text = format!("{username} types a password, which the client never sees");
                vec![Saw::new(Who::Person, text)]
            })
            .await?;
        let code = async {
            let form = consent.form_with("decision")?;
            let ticked = form.ticked("scope").join(" and ");
            let arrived = browser.submit(&consent, form, &[], ("decision", "approve")).await?.away()?;
            Ok((client.code(issuer, request, &arrived)?, ticked))
        };
        let (code, _) = self
            .step("Consent", code, |(_, ticked)| {
                let text = format!("reads who asks and for what, leaves {ticked} ticked, and approves");
                vec![Saw::new(Who::Person, text), Saw::new(Who::Client, "is handed a code that works once")]
            })
            .await?;
        Ok(code)
    }

    /// What a token is for.
    async fn used(&mut self, client: &Client, tokens: &Tokens) -> Result<(), TourError> {
        self.step("List the tools", client.tools(tokens), |tools| {
            vec![Saw::new(Who::Client, format!("finds {}", tools.join(", ")))]
        })
        .await?;
        self.step("Call whoami", client.whoami(tokens), |seen| {
            let claims = &seen.claims;
            let upstream = Saw::new(Who::Upstream, "gets a JWT through the inner door, made for it alone")
                .fact("aud", &claims.aud)
                .fact("sub", &claims.sub)
                .fact("scope", claims.scope.as_deref().unwrap_or("none"))
                .fact("lives", format!("{} seconds", claims.lifetime()));
            vec![Saw::new(Who::Client, format!("shows {} at the outer door", shown(&tokens.access_token))), upstream]
        })
        .await
        .map(drop)
    }

    /// Does something, and tells what was seen.
    async fn step<T>(
        &mut self,
        title: &'static str,
        act: impl Future<Output = Result<T, Surprise>>,
        seen: impl FnOnce(&T) -> Vec<Saw>,
    ) -> Result<T, TourError> {
        let began = Instant::now();
        let result = act.await.map_err(|why| TourError { step: title, why })?;
        self.steps += 1;
        self.story.step(self.steps, title, began.elapsed(), &seen(&result));
        Ok(result)
    }
}

/// A client for this computer only: no proxy, no redirect that nobody looked at.
fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE)
}

/// A handle as the story shows it: its prefix, never more.
fn shown(handle: &SecretText) -> String {
    match handle.expose().match_indices('_').nth(1) {
        Some((at, _)) => format!("{}…", handle.expose().get(..=at).unwrap_or_default()),
        None => "a token".to_owned(),
    }
}

#[cfg(test)]
mod tests;
