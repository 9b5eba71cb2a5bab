//! A web server of a stranger, over TLS: it publishes what clients say of themselves, or whatever a test wants it to.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use sallyport::{
    config::{Config, Tls},
    http::server::Certificate,
};
use serde_json::{Value, json};

use super::{scratch::Scratch, web::Web};

/// What is at a path.
#[derive(Clone)]
pub(crate) enum Page {
    /// JSON with 200.
    Json(Value),
    /// Anything.
    Raw(u16, Vec<(&'static str, String)>, Bytes),
    /// Nothing, for ever.
    Silence,
    /// JSON white space, for ever.
    Endless,
    /// The head, and never the body.
    HeadOnly,
}

#[derive(Default)]
struct Shared {
    pages: Mutex<HashMap<String, Page>>,
    seen: Mutex<Vec<(String, HeaderMap)>>,
}

/// The server. It stops when this is dropped.
pub(crate) struct Publisher {
    /// `https://127.0.0.1:PORT`
    pub(crate) base: String,
    certificate: PathBuf,
    shared: Arc<Shared>,
    _web: Web,
    _scratch: Scratch,
}

impl Publisher {
    pub(crate) fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let scratch = Scratch::new();
        let names = ["127.0.0.1", "localhost", "app.test"].map(str::to_owned);
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let certificate = scratch.write("publisher.pem", &cert.pem());
        let tls = Tls { certificate: certificate.clone(), key: scratch.write("key.pem", &signing_key.serialize_pem()) };
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let web = Web::serve_tls(router, Arc::new(Certificate::load(tls).unwrap()));
        Self { base: format!("https://{}", web.address), certificate, shared, _web: web, _scratch: scratch }
    }

    /// Lets an application reach this server, which is in no public place.
    pub(crate) fn allow(&self, config: &mut Config) {
        config.untrusted.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        config.untrusted.ca_file = Some(self.certificate.clone());
    }

    /// What vouches for it, in PEM.
    pub(crate) fn certificate(&self) -> &std::path::Path {
        &self.certificate
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn put(&self, path: &str, page: Page) {
        self.shared.pages.lock().unwrap().insert(path.to_owned(), page);
    }

    /// Publishes a client that describes itself, with these members beside the usual. Gives its `client_id`.
    pub(crate) fn client(&self, path: &str, members: &Value) -> String {
        let id = self.url(path);
        let mut document = json!({ "client_id": id, "client_name": "Published client", "redirect_uris": ["http://127.0.0.1/callback"] });
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.put(path, Page::Json(document));
        id
    }

    /// How often a path was asked for.
    pub(crate) fn hits(&self, path: &str) -> usize {
        self.shared.seen.lock().unwrap().iter().filter(|(seen, _)| seen == path).count()
    }

    /// The headers of the last request.
    pub(crate) fn last(&self) -> HeaderMap {
        self.shared.seen.lock().unwrap().last().unwrap().1.clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let page = shared.pages.lock().unwrap().get(&path).cloned();
    shared.seen.lock().unwrap().push((path, request.headers().clone()));
    let json = [("content-type", "application/json")];
    match page {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Page::Json(value)) => (json, value.to_string()).into_response(),
        Some(Page::Raw(status, headers, body)) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Some(Page::Silence) => std::future::pending().await,
        Some(Page::Endless) => {
            let spaces = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b" ")));
            (json, Body::from_stream(spaces)).into_response()
        }
        Some(Page::HeadOnly) => {
            (json, Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())).into_response()
        }
    }
}
