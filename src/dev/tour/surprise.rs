//! What a server can do that the tour did not expect.

use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a step failed: what was asked, and what came instead. Never holds a token, a code or a password.
#[derive(Debug, thiserror::Error)]
pub(super) enum Surprise {
    /// No answer, or one that broke off.
    #[error("{asked} got no answer: {why}")]
    NoAnswer {
        /// Method and path.
        asked: String,
        /// Why, without the URL: its query can hold a secret.
        why: String,
    },
    /// Another status than the step is about.
    #[error("{asked} was answered {got}, not {expected}{said}")]
    Status {
        /// Method and path.
        asked: String,
        /// What came.
        got: StatusCode,
        /// What should have come.
        expected: StatusCode,
        /// What the answer says of it, in parentheses; empty if it says nothing.
        said: String,
    },
    /// Anything else.
    #[error("{0}")]
    Odd(String),
    /// No random bytes for a verifier.
    #[error(transparent)]
    NoEntropy(#[from] crate::secret::NoEntropy),
}

impl Surprise {
    pub(super) fn odd(what: impl Into<String>) -> Self {
        Self::Odd(what.into())
    }

    pub(super) fn no_answer(asked: &str, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::NoAnswer { asked: asked.to_owned(), why: format!("{error}{cause}") }
    }
}

/// An answer, and what was asked.
pub(super) struct Answer {
    pub(super) asked: String,
    pub(super) response: Response,
}

impl Answer {
    /// Sends `request`.
    pub(super) async fn to(request: reqwest::RequestBuilder) -> Result<Self, Surprise> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| Surprise::no_answer("a request", error))?;
        let asked = format!("{} {}", request.method(), request.url().path());
        match client.execute(request).await {
            Ok(response) => Ok(Self { asked, response }),
            Err(error) => Err(Surprise::no_answer(&asked, error)),
        }
    }

    /// Goes on only with this status.
    pub(super) async fn expect(self, expected: StatusCode) -> Result<Self, Surprise> {
        let got = self.response.status();
        if got == expected {
            return Ok(self);
        }
        let said = self.response.text().await.map(|body| said(&body)).unwrap_or_default();
        Err(Surprise::Status { asked: self.asked, got, expected, said })
    }

    /// A header, as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The body.
    pub(super) async fn text(self) -> Result<String, Surprise> {
        self.response.text().await.map_err(|error| Surprise::no_answer(&self.asked, error))
    }

    /// The body as JSON. What does not fit is told without the body, which can hold a token.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, Surprise> {
        let asked = self.asked.clone();
        let body = self.text().await?;
        serde_json::from_str(&body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Surprise::odd(format!("the answer to {asked} does not fit, at line {line}, column {column}"))
        })
    }
}

/// What an error's body says: OAuth's or JSON-RPC's members. Pages say it in their own way, and are left out.
fn said(body: &str) -> String {
    let Ok(body) = serde_json::from_str::<Value>(body) else { return String::new() };
    let texts = ["/error", "/error_description", "/error/message"].map(|pointer| body.pointer(pointer)?.as_str());
    match texts.into_iter().flatten().collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        texts => format!(" ({})", texts.join(": ")),
    }
}
