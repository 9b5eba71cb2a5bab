//! An authorization server that is measured.

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use url::form_urlencoded::Serializer;

use super::{
    super::{
        load::{Measured, Watched, Window},
        login::{Tokens, VERIFIER},
        site::{ASKER, CLIENT, MACHINE, OVERLAP, REDIRECT, SCOPES, Site, resource},
        wire::Connection,
    },
    Kind,
    codes::Codes,
    errand::{self, Errand, Supply},
    provider::{self, Provider},
};

pub(super) struct Server {
    pub(super) name: String,
    process: u32,
    database: Option<u32>,
    address: SocketAddr,
    host: String,
    token: String,
    /// Where it answers questions about tokens, if it does.
    introspection: Option<String>,
    resource: String,
    machine_secret: String,
    asker_secret: String,
    maker: Maker,
}

/// What makes codes.
enum Maker {
    Sallyport(Box<Codes>),
    Provider(Provider),
}

impl Server {
    pub(super) async fn sallyport(site: &Site, node: usize, name: &str) -> Self {
        let address = site.nodes[node].address;
        let asks = site.server_secret.is_some() && site.introspects(node).await;
        Self {
            name: name.to_owned(),
            process: site.nodes[node].id(),
            database: Some(site.database()),
            address,
            host: site.host().to_owned(),
            token: format!("/t/{OVERLAP}/token"),
            introspection: asks.then(|| format!("/t/{OVERLAP}/introspect")),
            resource: format!("{}{}", site.base, resource(OVERLAP)),
            machine_secret: site.client_secret.clone(),
            asker_secret: site.server_secret.clone().unwrap_or_default(),
            maker: Maker::Sallyport(Box::new(Codes::of(site).await)),
        }
    }

    pub(super) fn provider(provider: Provider) -> Self {
        Self {
            name: "oidc-provider".to_owned(),
            process: provider.id(),
            database: None,
            address: provider.address,
            host: provider.address.to_string(),
            token: "/token".to_owned(),
            introspection: Some("/token/introspection".to_owned()),
            resource: provider::RESOURCE.to_owned(),
            machine_secret: provider::SECRET.to_owned(),
            asker_secret: provider::SECRET.to_owned(),
            maker: Maker::Provider(provider),
        }
    }

    /// Measures one line. None where the server has nothing of the kind.
    pub(super) async fn measure(&mut self, kind: Kind, connections: usize, window: Window) -> Option<Measured> {
        let head = self.head(kind)?;
        let supply = self.supply(kind, connections, window).await;
        let sign = match kind {
            Kind::Code | Kind::Refresh => "\"refresh_token\":\"",
            Kind::Credentials => "\"access_token\":\"",
            Kind::Introspection => "\"active\":true",
        };
        let watched = Watched { proxy: Some(self.process), database: self.database };
        let (to, sign) = (self.address, sign.to_owned());
        Some(errand::measure(&Errand { to, head, supply, sign, connections, window, watched }))
    }

    /// The head of a request, but for its length.
    fn head(&self, kind: Kind) -> Option<String> {
        let (path, basic) = match kind {
            Kind::Code | Kind::Refresh => (&self.token, None),
            Kind::Credentials => (&self.token, Some((MACHINE, &self.machine_secret))),
            Kind::Introspection => (self.introspection.as_ref()?, Some((ASKER, &self.asker_secret))),
        };
        let basic = basic.map(|(id, secret)| STANDARD.encode(format!("{id}:{secret}")));
        let authorization = basic.map(|basic| format!("authorization: Basic {basic}\r\n")).unwrap_or_default();
        Some(format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\n{authorization}content-type: application/x-www-form-urlencoded\r\n",
            self.host
        ))
    }

    async fn supply(&mut self, kind: Kind, connections: usize, window: Window) -> Supply {
        match kind {
            Kind::Code => Supply::Once(self.code_forms(wanted(connections, window)).await),
            Kind::Refresh => Supply::Chains {
                form: form(&[("grant_type", "refresh_token"), ("client_id", CLIENT), ("resource", &self.resource)]),
                tokens: self.logins(connections).await.into_iter().map(|tokens| tokens.refresh).collect(),
            },
            Kind::Credentials => Supply::Same(vec![form(&[
                ("grant_type", "client_credentials"),
                ("resource", &self.resource),
                ("scope", &SCOPES.join(" ")),
            ])]),
            Kind::Introspection => {
                let logins = self.logins(connections).await;
                Supply::Same(logins.iter().map(|tokens| form(&[("token", &tokens.access)])).collect())
            }
        }
    }

    /// So many new logins.
    async fn logins(&mut self, count: usize) -> Vec<Tokens> {
        let head = self.head(Kind::Code).unwrap();
        let mut connection = Connection::open(self.address).await.unwrap();
        let mut logins = Vec::with_capacity(count);
        for form in self.code_forms(count).await {
            let request = format!("{head}content-length: {}\r\n\r\n{form}", form.len());
            let answer = connection.send(request.as_bytes()).await.unwrap();
            assert_eq!(answer.status, 200, "{:?}", String::from_utf8_lossy(answer.body));
            logins.push(Tokens::read(answer.body));
        }
        logins
    }

    async fn code_forms(&mut self, count: usize) -> Vec<String> {
        let codes = match &mut self.maker {
            Maker::Sallyport(codes) => codes.fresh(count).await,
            Maker::Provider(provider) => provider.fresh(count),
        };
        let code_form = |code: String| {
            form(&[
                ("grant_type", "authorization_code"),
                ("client_id", CLIENT),
                ("code", &code),
                ("code_verifier", VERIFIER),
                ("redirect_uri", REDIRECT),
                ("resource", &self.resource),
            ])
        };
        codes.into_iter().map(code_form).collect()
    }
}

/// Codes for a window, with some to spare: no more connections redeem so many in a second on two cores.
fn wanted(connections: usize, window: Window) -> usize {
    let a_second = if connections == 1 { 3000.0 } else { 8000.0 };
    (a_second * (window.warm_up + window.length).as_secs_f64()) as usize
}

fn form(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}
