//! The person's side: a browser with cookies, without JavaScript.

use reqwest::{StatusCode, header};
use url::Url;

use super::{
    form::Form,
    surprise::{Answer, Surprise},
};

/// So many redirects in a row are a loop.
const REDIRECTS: usize = 10;

/// A browser that has never been here before.
pub(super) struct Browser {
    http: reqwest::Client,
}

/// A page that the browser shows.
pub(super) struct Page {
    url: Url,
    forms: Vec<Form>,
}

/// Where a click led.
pub(super) enum Arrival {
    /// To a page.
    Here(Page),
    /// Away, to another place than Sallyport: the browser goes there and hands it this address.
    Away(Url),
}

impl Browser {
    /// A browser with this HTTP client, which keeps cookies and follows no redirects.
    pub(super) fn new(http: reqwest::Client) -> Self {
        Self { http }
    }

    /// Opens an address.
    pub(super) async fn open(&self, url: &Url) -> Result<Arrival, Surprise> {
        self.arrive(url.clone(), self.http.get(url.clone())).await
    }

    /// Sends a form of `page`.
    pub(super) async fn submit(
        &self,
        page: &Page,
        form: &Form,
        typed: &[(&str, &str)],
        pressed: (&str, &str),
    ) -> Result<Arrival, Surprise> {
        let action = page.url.join(&form.action).map_err(|_| Surprise::odd("a form posts to no address"))?;
        let request = self
            .http
            .post(action.clone())
            .header(header::ORIGIN, page.url.origin().ascii_serialization())
            .header(header::REFERER, page.url.as_str())
            .form(&form.filled(typed, pressed));
        self.arrive(action, request).await
    }

    /// Follows redirects as long as they stay at one origin.
    async fn arrive(&self, mut at: Url, request: reqwest::RequestBuilder) -> Result<Arrival, Surprise> {
        let mut answer = Answer::to(request.header(header::ACCEPT, "text/html")).await?;
        for _ in 0..REDIRECTS {
            if !answer.response.status().is_redirection() {
                let forms = Form::all(&answer.expect(StatusCode::OK).await?.text().await?);
                return Ok(Arrival::Here(Page { url: at, forms }));
            }
            let target = answer.header("location").and_then(|location| at.join(location).ok());
            let target = target.ok_or_else(|| Surprise::odd(format!("{} redirects to no address", answer.asked)))?;
            if target.origin() != at.origin() {
                return Ok(Arrival::Away(target));
            }
            let next = self.http.get(target.clone()).header(header::ACCEPT, "text/html");
            at = target;
            answer = Answer::to(next).await?;
        }
        Err(Surprise::odd(format!("{} leads in circles", answer.asked)))
    }
}

impl Arrival {
    /// The page, if the browser is still here.
    pub(super) fn page(self) -> Result<Page, Surprise> {
        match self {
            Self::Here(page) => Ok(page),
            Self::Away(to) => {
                let to = to.origin().ascii_serialization();
                Err(Surprise::odd(format!("the browser was sent away to {to} instead of being shown a page")))
            }
        }
    }

    /// The address that another place was handed.
    pub(super) fn away(self) -> Result<Url, Surprise> {
        match self {
            Self::Away(to) => Ok(to),
            Self::Here(page) => {
                let path = page.url.path();
                Err(Surprise::odd(format!("the browser was shown the page {path} instead of being sent to the client")))
            }
        }
    }
}

impl Page {
    /// The form with a control of this name.
    pub(super) fn form_with(&self, control: &str) -> Result<&Form, Surprise> {
        let form = self.forms.iter().find(|form| form.has(control));
        form.ok_or_else(|| Surprise::odd(format!("the page {} has no form with {control}", self.url.path())))
    }
}
