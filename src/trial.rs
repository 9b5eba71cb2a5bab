//! `sallyport try`: an MCP client of its own that says what it does, what it got, and what is wrong with it.
//!
//! It is for any MCP server, ours or not, and needs nothing but the URL. One step follows another as the specification
//! has them: [`knock`], [`resource`], [`issuer`], [`registration`], [`login`], [`tokens`], [`conversation`], and [`after`]
//! that, what makes the difference between a login that worked once and one that keeps working. Each step reports to
//! [`report`] what it broke of [`rules`], and goes on wherever a person would want to know what comes next. It stops where
//! going on would hand a secret to somebody who should not have it.

mod after;
mod challenge;
mod conversation;
mod document;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod http;
mod issuer;
mod knock;
mod login;
mod place;
mod registration;
mod report;
mod resource;
mod rules;
mod talk;
mod tokens;

use std::{io::Write, time::Duration};

pub use http::{ClientError, Http, HttpOptions};
pub use place::{BadAddress, Place};
pub use report::{Looks, Report, Verdict};
use url::Url;

use crate::secret::{Entropy, SecretText};

/// What is to be tried, and how.
#[derive(Debug)]
pub struct Options {
    /// The MCP server.
    pub url: Place,
    /// A client that is known to the authorization server already; without one, it registers.
    pub client: Option<Known>,
    /// What lets it register where that is not open to everybody (RFC 7591 §3).
    pub initial_token: Option<SecretText>,
    /// Where the browser brings the answer.
    pub redirect: Redirect,
    /// The scopes to ask for, instead of those that the server names.
    pub scope: Option<String>,
    /// How a person logs in.
    pub login: Login,
    /// How long to wait for that person.
    pub wait: Duration,
    /// Which revisions of MCP are spoken.
    pub era: Eras,
    /// A tool to call, with its arguments.
    pub call: Option<(String, serde_json::Map<String, serde_json::Value>)>,
    /// Whether to ask for more scopes when the server asks for them.
    pub step_up: bool,
}

/// A client that somebody registered before.
#[derive(Debug)]
pub struct Known {
    /// Its id, or the address of its metadata document.
    pub id: String,
    /// Its secret, if it has one.
    pub secret: Option<SecretText>,
}

/// The loopback address for the answer.
#[derive(Debug)]
pub enum Redirect {
    /// `http://127.0.0.1:PORT/callback`; 0 takes a free port.
    Port(u16),
    /// As the client is registered.
    Exactly(Url),
}

/// How a person logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// In a browser that is opened.
    Browser,
    /// In a browser that the person opens.
    Printed,
    /// On another device (RFC 8628).
    Device,
}

/// Which revisions of MCP are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eras {
    /// 2026-07-28, and `initialize` as well: most clients still speak that.
    Both,
    /// 2026-07-28 only.
    Modern,
    /// `initialize` only.
    Legacy,
}

/// Somebody at the keyboard has seen enough.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Nobody can say so, then.
        std::future::pending().await
    }
}

/// It cannot go on; the report says why.
#[derive(Debug)]
struct Stop;

/// What every step needs.
struct Trial<'a, W> {
    options: &'a Options,
    http: &'a Http,
    entropy: &'a Entropy,
    report: &'a mut Report<W>,
}

/// Tries it all.
pub async fn run<W: Write>(options: &Options, http: &Http, entropy: &Entropy, report: &mut Report<W>) -> Verdict {
    let mut trial = Trial { options, http, entropy, report };
    let went = trial.whole().await;
    report.finish(went.is_err())
}

impl<W: Write> Trial<'_, W> {
    async fn whole(&mut self) -> Result<(), Stop> {
        let challenge = self.knock().await?;
        let resource = self.resource(challenge.as_ref()).await?;
        let issuer = self.issuer(&resource).await?;
        let catcher = self.catcher().await?;
        let client = self.register(&issuer, catcher.as_ref()).await?;
        let mut session =
            login::Session { resource, issuer, client, catcher, scope: None, older: Vec::new(), modern: false };
        session.scope = self.scope(&session, challenge.as_ref());
        // From here on there is something to clean up, however it goes.
        let used = tokio::select! {
            // Listening first, so that nobody who reads "waiting" interrupts in vain.
            biased;
            () = interrupted() => None,
            used = self.used(&mut session) => Some(used),
        };
        let used = used.unwrap_or_else(|| {
            let mut step = report::Step::new("Interrupted");
            step.got("by Ctrl-C");
            self.report.end(step);
            Err(Stop)
        });
        if used.is_err() {
            self.report.stopped();
        }
        self.deregister(&session.client).await;
        used
    }

    async fn used(&mut self, session: &mut login::Session) -> Result<(), Stop> {
        let mut tokens = self.log_in(session).await?;
        let talked = self.talk(session, &mut tokens).await;
        if talked.is_ok() {
            self.garbage(session).await;
            self.refresh(session, &mut tokens).await;
        }
        if talked.is_err() {
            self.report.stopped();
        }
        self.revoke(session, &tokens).await;
        talked
    }
}
