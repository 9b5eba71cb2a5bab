//! A good request as data, for tests to change one thing of it.

use std::fmt;

use reqwest::{Method, RequestBuilder};
use sallyport::app::routes::Guard;

use super::world::World;
use crate::{
    harness::browser::Page,
    http::generated::draw::{Body, Good},
};

#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) guard: Guard,
    pub(super) method: Method,
    /// The path as the table has it.
    pub(super) route: &'static str,
    pub(super) path: String,
    pub(super) good: Good,
    /// Sent in place of its body, as what.
    pub(super) raw: Option<(&'static str, String)>,
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.route)
    }
}

impl Ask {
    /// Whether cookies say who asks.
    pub(super) fn is_browsers(&self) -> bool {
        matches!(self.guard, Guard::Browser | Guard::Console(..))
    }

    /// The tenant that it is at.
    pub(super) fn place(&self) -> &'static str {
        if self.path.starts_with("/console/t/platform/") { "platform" } else { "acme" }
    }

    /// Whether it may change something.
    pub(super) fn changes(&self) -> bool {
        ![Method::GET, Method::OPTIONS].contains(&self.method)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.good.headers.iter().find(|(own, _)| *own == name).map(|(_, value)| value.as_str())
    }

    /// Without a header.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.good.headers.retain(|(own, _)| *own != name);
        self
    }

    /// With a header, in place of the one of this name.
    pub(super) fn with(self, name: &'static str, value: &str) -> Self {
        let mut this = self.without(name);
        this.good.headers.push((name, value.to_owned()));
        this
    }

    /// The fields of the form.
    pub(super) fn form(&self) -> &[(String, String)] {
        match &self.good.body {
            Body::Form(fields) => fields,
            _ => &[],
        }
    }

    /// The value of a field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.form().iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// With another value of a field; None: without the field.
    pub(super) fn with_field(mut self, name: &str, value: Option<&str>) -> Self {
        if let Body::Form(fields) = &mut self.good.body {
            fields.retain(|(own, _)| own != name);
            fields.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        }
        self
    }

    /// With another value of a parameter of the address.
    pub(super) fn with_query(mut self, name: &str, value: &str) -> Self {
        self.good.query.retain(|(own, _)| own != name);
        self.good.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of a cookie of ours: `b`, `t` or `l`.
    pub(super) fn cookie(&self, place: &str) -> Option<&str> {
        let name = format!("__Host-sp-{place}-{}", self.place());
        let mut pairs = self.header("cookie")?.split("; ").filter_map(|pair| pair.split_once('='));
        pairs.find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// With another value of a cookie; None: without the cookie.
    pub(super) fn with_cookie(self, place: &str, value: Option<&str>) -> Self {
        let name = format!("__Host-sp-{place}-{}=", self.place());
        let own = self.header("cookie").unwrap_or_default().to_owned();
        let mut pairs: Vec<&str> =
            own.split("; ").filter(|pair| !pair.is_empty() && !pair.starts_with(&name)).collect();
        let added = value.map(|value| format!("{name}{value}"));
        pairs.extend(added.as_deref());
        if pairs.is_empty() { self.without("cookie") } else { self.with("cookie", &pairs.join("; ")) }
    }

    pub(super) fn request(&self, world: &World) -> RequestBuilder {
        let mut url = url::Url::parse(&world.app().url(&self.path)).unwrap();
        if !self.good.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.good.query);
        }
        let mut request = world.app().http().request(self.method.clone(), url);
        for (name, value) in &self.good.headers {
            request = request.header(*name, value);
        }
        if let Some((kind, body)) = &self.raw {
            return request.header("content-type", *kind).body(body.clone());
        }
        match &self.good.body {
            Body::None => request,
            Body::Form(fields) => request.form(fields),
            Body::Json(text) => request.header("content-type", "application/json").body(text.clone()),
        }
    }

    pub(super) async fn send(&self, world: &World) -> Page {
        Page::of(self.request(world)).await
    }
}

/// Where an answer sends the browser, if it does.
pub(super) fn location(page: &Page) -> Option<&str> {
    page.headers.get("location").map(|to| to.to_str().unwrap())
}

/// Whether somebody got what they asked for: no error, and not the login in its place.
pub(super) fn is_done(ask: &Ask, page: &Page) -> bool {
    let login = format!("/t/{}/login", ask.place());
    let to_login = location(page).is_some_and(|to| to.split('?').next() == Some(&login));
    page.status.as_u16() < 400 && (!to_login || ask.route.ends_with("/authorize"))
}
