//! Where requests go: to the application of the test, or to a process that stands in for it.

use http::{HeaderMap, header};
use reqwest::{Client, RequestBuilder};

use crate::harness::{app::TestApp, web::client_with};

#[derive(Clone)]
pub(super) struct Door {
    base: String,
    /// Whom requests believe to talk to.
    host: String,
    http: Client,
}

impl Door {
    /// To the application itself.
    pub(super) fn of(app: &TestApp) -> Self {
        let host = app.base.strip_prefix("http://").unwrap();
        Self::to(app, host)
    }

    /// To another process behind the same public address, listening there.
    pub(super) fn to(app: &TestApp, address: &str) -> Self {
        let host = app.base.strip_prefix("http://").unwrap().to_owned();
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        let http = client_with(|client| client.default_headers(headers));
        Self { base: format!("http://{address}"), host, http }
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base))
    }

    /// As a browser of its own, which keeps its cookies, posts a form of ours.
    pub(super) fn form(&self, browser: &Client, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let request = browser.post(format!("{}{path}", self.base)).header(header::HOST, &self.host);
        request.header(header::ORIGIN, format!("http://{}", self.host)).form(fields)
    }
}
