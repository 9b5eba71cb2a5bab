//! A person who logs in and says yes, with a browser's cookies and forms, so that a client gets its tokens.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::{Client, Response, StatusCode, header::LOCATION, redirect::Policy};
use serde_json::Value;

/// What a client holds.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn read(answer: &[u8]) -> Self {
        let answer: Value = serde_json::from_slice(answer).unwrap();
        let text = |name: &str| answer[name].as_str().expect("a token").to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

/// RFC 7636 asks for 43 characters of chance; here nobody listens.
pub(crate) const VERIFIER: &str = "a-gate-costs-what-stands-behind-it-and-no-more";

/// `code_challenge` for it, S256.
pub(crate) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

/// Who logs in where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Login<'a> {
    /// `http://HOST`
    pub(crate) base: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) client: &'a str,
    pub(crate) redirect_uri: &'a str,
    pub(crate) username: &'a str,
    pub(crate) password: &'a str,
    pub(crate) scopes: &'a [&'a str],
}

impl Login<'_> {
    /// The whole flow: login, consent, code, tokens.
    pub(crate) async fn tokens(&self) -> Tokens {
        let browser = Client::builder().no_proxy().cookie_store(true).redirect(Policy::none()).build().unwrap();
        let challenge = challenge();
        let asked = [
            ("response_type", "code"),
            ("client_id", self.client),
            ("redirect_uri", self.redirect_uri),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("resource", self.resource),
        ];
        let url = reqwest::Url::parse_with_params(&self.url("authorize"), asked).unwrap();
        let page = self.page(&browser, browser.get(url).send().await.unwrap()).await;
        let named = [("username", self.username), ("password", self.password)];
        let logged_in = self.submit(&browser, "login", &page, &named).await;
        let page = self.page(&browser, logged_in).await;
        let mut decided = vec![("decision", "approve")];
        decided.extend(self.scopes.iter().map(|scope| ("scope", *scope)));
        let approved = self.submit(&browser, "consent", &page, &decided).await;
        let back = reqwest::Url::parse(location(&approved).expect("the client's address")).unwrap();
        let (_, code) = back.query_pairs().find(|(name, _)| name == "code").expect("a code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", self.client),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", self.redirect_uri),
            ("resource", self.resource),
        ];
        let answer = browser.post(self.url("token")).form(&form).send().await.unwrap();
        Tokens::read(&answer.bytes().await.unwrap())
    }

    fn url(&self, name: &str) -> String {
        format!("{}/t/{}/{name}", self.base, self.tenant)
    }

    /// Follows redirects until a page comes.
    async fn page(&self, browser: &Client, mut answer: Response) -> String {
        while let Some(next) = location(&answer) {
            answer = browser.get(format!("{}{next}", self.base)).send().await.unwrap();
        }
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.unwrap()
    }

    /// Sends the form of a page.
    async fn submit(&self, browser: &Client, name: &str, page: &str, fields: &[(&str, &str)]) -> Response {
        let (csrf, interaction) = (hidden(page, "csrf"), hidden(page, "interaction"));
        let mut form = vec![("csrf", csrf), ("interaction", interaction)];
        form.extend(fields);
        browser.post(self.url(name)).header("origin", self.base).form(&form).send().await.unwrap()
    }
}

fn location(answer: &Response) -> Option<&str> {
    answer.headers().get(LOCATION)?.to_str().ok()
}

/// The value of a hidden field.
fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).expect("the field is on the page");
    rest.split_once('"').unwrap().0
}
