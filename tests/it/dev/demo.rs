//! The demo upstream, over real HTTP: both eras of MCP, and every way in which a token can be wrong.

mod eras;
mod issuer;
mod keys;
mod tokens;
mod upstream;

use serde_json::{Value, json};
use time::macros::datetime;

use issuer::{Issuer, SigningKey};
use sallyport::clock::Clock;
use upstream::Upstream;

/// An issuer with one Ed25519 key, a demo that trusts it, and the clock of both.
struct World {
    clock: Clock,
    issuer: Issuer,
    key: SigningKey,
    upstream: Upstream,
}

impl World {
    async fn start() -> Self {
        Self::with_key(SigningKey::ed25519("first")).await
    }

    async fn with_key(key: SigningKey) -> Self {
        let clock = Clock::manual(datetime!(2026-08-01 12:00 UTC));
        let issuer = Issuer::start().await;
        issuer.publish(&[&key]);
        let upstream = Upstream::start(&issuer, clock.clone()).await;
        Self { clock, issuer, key, upstream }
    }

    /// Claims as Sallyport would set them, with nothing wrong.
    fn claims(&self, sub: &str) -> Value {
        let now = self.clock.unix();
        json!({
            "iss": self.issuer.url, "sub": sub, "aud": self.upstream.url, "client_id": "client-1", "jti": format!("jti-{sub}-{now}"),
            "iat": now, "exp": now + 60, "scope": "mcp:read mcp:write", "tenant": "demo",
        })
    }

    /// A good token for `sub`.
    fn token(&self, sub: &str) -> String {
        self.key.token(&self.key.header(), &self.claims(sub))
    }

    /// The status that a request with this token gets.
    async fn status(&self, token: &str) -> u16 {
        self.upstream.whoami(token).await.status().as_u16()
    }
}
