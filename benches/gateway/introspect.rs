//! An introspection endpoint for nginx: looks a token up in the database and answers with a JWT that it signs for the
//! upstream. It is asked only when nginx's cache has nothing, so what it costs hardly shows.

use std::net::SocketAddr;

use bytes::Bytes;
use sallyport::{
    clock::Clock,
    config::PublicUrl,
    ids::Slug,
    keys::Keyring,
    secret::{Handle, HandleKind},
    store::{Limits, Store, handles::open_until},
    tenants::{self, Tenant},
};
use serde_json::json;
use tokio::net::TcpListener;

use super::{
    site::{OVERLAP, Site},
    wire::{self, Service},
};

struct Introspection {
    store: Store,
    keyring: Keyring,
    tenant: Tenant,
}

const INACTIVE: Bytes = Bytes::from_static(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");

impl Service for Introspection {
    async fn answer(&self, _: &[u8], body: &[u8]) -> Bytes {
        let token = body.strip_prefix(b"token=Bearer ").and_then(|token| std::str::from_utf8(token).ok());
        match token.and_then(|token| Handle::parse(HandleKind::AccessToken, token).ok()) {
            Some(handle) => self.active(&handle).await.unwrap_or(INACTIVE),
            None => INACTIVE,
        }
    }
}

impl Introspection {
    async fn active(&self, handle: &Handle) -> Option<Bytes> {
        let tenant = &self.tenant;
        let hashes = self.keyring.lookup(tenant.id, handle);
        let now = Clock::system().now();
        let mut tx = self.store.tenant_tx(tenant.id).await.unwrap();
        open_until(&mut tx, &hashes, now).await.unwrap()?;
        tx.commit().await.unwrap();
        let server = tenant.servers.values().next()?;
        let claims = json!({
            "iss": tenant.issuer,
            "aud": server.audience,
            "sub": "person:ada",
            "client_id": "bench",
            "scope": "mcp:read",
            "iat": now.unix_timestamp(),
            "exp": now.unix_timestamp() + 60,
        });
        let jwt = tenant.signing.sign(server.alg, "at+jwt", &claims).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nx-phantom-token: {}\r\ncontent-length: 0\r\n\r\n", jwt.expose());
        Some(head.into())
    }
}

/// Starts it for the tokens of a site; it ends with the process.
pub(crate) async fn start(site: &Site) -> SocketAddr {
    let store = Store::connect(site.db.options(), 2, Limits::Serving).await.unwrap();
    let keyring = Keyring::parse(&site.keys).unwrap();
    let public_url = PublicUrl::parse(&site.base).unwrap();
    let tenant = tenants::load(&store, &keyring, &public_url, &Slug::parse(OVERLAP).unwrap()).await.unwrap().unwrap();
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(wire::serve(listener, Introspection { store, keyring, tenant }));
    address
}
