//! Servers that ask about tokens (RFC 7662).

use reqwest::RequestBuilder;
use sallyport::{
    cluster::{self, Entry},
    ids::{ServerId, TenantId},
    secret::{Handle, HandleKind},
    store::server_secrets,
};

use super::app::TestApp;

impl TestApp {
    /// Gives a server a new introspection secret, in place of those it has.
    pub(crate) async fn server_secret(&self, tenant: TenantId, server: ServerId) -> String {
        let handle = Handle::generate(HandleKind::ServerSecret, &self.app.entropy).unwrap();
        let stored = self.app.keyring.store(tenant, &handle);
        let mut tx = self.app.store.tenant_tx(tenant).await.unwrap();
        server_secrets::replace(&mut tx, server, &[stored], self.clock.now()).await.unwrap();
        let ticket = cluster::take(&mut tx, &Entry::Server(server), self.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        self.app.node.settle(ticket).await.unwrap();
        handle.expose().to_owned()
    }
}

/// Who asks.
pub(crate) struct Asker<'a> {
    pub(crate) app: &'a TestApp,
    /// `{base}/t/{tenant}`
    pub(crate) issuer: String,
    pub(crate) server: String,
    pub(crate) secret: String,
}

pub(crate) const JWT: &str = "application/jwt";
pub(crate) const ENVELOPE: &str = "application/token-introspection+jwt";

impl Asker<'_> {
    /// A question about a token, in a form.
    pub(crate) fn ask(&self, token: &str, accept: &str) -> RequestBuilder {
        self.post(&[("token", token)]).header("accept", accept)
    }

    pub(crate) fn post(&self, form: &[(&str, &str)]) -> RequestBuilder {
        self.bare(form).basic_auth(&self.server, Some(&self.secret))
    }

    /// Without credentials.
    pub(crate) fn bare(&self, form: &[(&str, &str)]) -> RequestBuilder {
        self.app.http().post(format!("{}/introspect", self.issuer)).form(form)
    }
}
