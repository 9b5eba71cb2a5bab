//! A person's browser without a screen: keeps cookies, reads forms, follows nothing by itself.

use http::{HeaderMap, StatusCode, header};
use reqwest::RequestBuilder;

use super::app::{TestApp, TestPerson, TestTenant};

pub(crate) struct TestBrowser {
    pub(crate) http: reqwest::Client,
    base: String,
}

/// What came back.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl TestBrowser {
    pub(crate) fn new(app: &TestApp) -> Self {
        Self { http: app.browser(), base: app.base.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        Page::of(self.http.get(format!("{}{path}", self.base))).await
    }

    /// A form as a browser posts it from a page of ours.
    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).header(header::ORIGIN, &self.base).form(fields)
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        Page::of(self.form(path, fields)).await
    }

    /// Opens the login page and tries a name and a password.
    pub(crate) async fn try_login(&self, tenant: &TestTenant, username: &str, password: &str) -> Page {
        let path = format!("/t/{}/login", tenant.slug);
        let csrf = self.get(&path).await.hidden("csrf");
        self.post(&path, &[("username", username), ("password", password), ("csrf", &csrf)]).await
    }

    /// Logs a person in.
    pub(crate) async fn log_in(&self, tenant: &TestTenant, person: &TestPerson) {
        let page = self.try_login(tenant, &person.username, &person.password).await;
        assert_eq!(page.status, 303, "{}", page.body);
    }

    /// Whether somebody is logged in.
    pub(crate) async fn is_logged_in(&self, tenant: &TestTenant) -> bool {
        self.get(&format!("/t/{}/account", tenant.slug)).await.status == 200
    }
}

impl Page {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self { status: response.status(), headers: response.headers().clone(), body: response.text().await.unwrap() }
    }

    /// The value of a hidden field.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let field = format!("<input type=\"hidden\" name=\"{name}\" value=\"");
        let (_, rest) = self.body.split_once(&field).expect("the page has the field");
        rest.split('"').next().unwrap().to_owned()
    }

    /// Where a redirect leads.
    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.body);
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// The value that the answer sets a cookie to.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap());
        let mut values = lines.filter_map(|line| line.split(';').next()?.split_once('='));
        values.find(|(own, _)| *own == name).map(|(_, value)| value)
    }
}
