//! Authorization codes of Sallyport, as consent makes them: a family each, under the grant of one person.

use sallyport::{
    clock::Clock,
    config::PublicUrl,
    ids::{ClientId, FamilyId, GrantId, Slug},
    keys::Keyring,
    secret::{Entropy, Handle, HandleKind},
    store::{
        Limits, Store,
        grants::{self, NewFamily},
        handles::{self, CodeRow},
        people,
    },
    tenants::{self, Tenant},
};
use sqlx::PgConnection;
use time::{Duration, OffsetDateTime};

use super::super::{
    login::challenge,
    site::{CLIENT, OVERLAP, PERSON, REDIRECT, SCOPES, Site},
};

pub(super) struct Codes {
    store: Store,
    keyring: Keyring,
    tenant: Tenant,
    grant: GrantId,
    clock: Clock,
    entropy: Entropy,
    superuser: PgConnection,
}

impl Codes {
    pub(super) async fn of(site: &Site) -> Self {
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let store = Store::connect(site.db.options(), 1, Limits::Serving).await.unwrap();
        let keyring = Keyring::parse(&site.keys).unwrap();
        let public_url = PublicUrl::parse(&site.base).unwrap();
        let slug = Slug::parse(OVERLAP).unwrap();
        let tenant = tenants::load(&store, &keyring, &public_url, &slug).await.unwrap().unwrap();
        let server = tenant.servers.values().next().unwrap().id;
        let client = ClientId::parse(CLIENT).unwrap();
        let fresh = GrantId::new(&clock, &entropy).unwrap();
        let mut tx = store.tenant_tx(tenant.id).await.unwrap();
        let person = people::by_username(&mut tx, PERSON).await.unwrap().unwrap().id;
        let scopes = SCOPES.map(str::to_owned);
        let grant = grants::widen(&mut tx, fresh, person, &client, server, &scopes, clock.now()).await.unwrap().id;
        tx.commit().await.unwrap();
        let superuser = site.db.superuser().await;
        Self { store, keyring, tenant, grant, clock, entropy, superuser }
    }

    /// So many codes that nobody has seen yet.
    pub(super) async fn fresh(&mut self, count: usize) -> Vec<String> {
        let now = self.clock.now();
        let mut tx = self.store.tenant_tx(self.tenant.id).await.unwrap();
        let mut codes = Vec::with_capacity(count);
        for _ in 0..count {
            let family = FamilyId::new(&self.clock, &self.entropy).unwrap();
            let code = Handle::generate(HandleKind::Code, &self.entropy).unwrap();
            let begun = NewFamily {
                id: family,
                grant: self.grant,
                redirect_uri: Some(REDIRECT),
                auth_time: Some(now),
                expires_at: now + Duration::DAY,
            };
            grants::insert_family(&mut tx, begun, now).await.unwrap();
            let stored = self.keyring.store(self.tenant.id, &code);
            handles::insert_code(&mut tx, &stored, &row(family, now), now).await.unwrap();
            codes.push(code.expose().to_owned());
        }
        tx.commit().await.unwrap();
        // What PostgreSQL does by itself within a minute, so that each round has it: plans made for empty tables end.
        sqlx::query("analyze auth_code, family, access_token, refresh_token")
            .execute(&mut self.superuser)
            .await
            .unwrap();
        codes
    }
}

fn row(family: FamilyId, now: OffsetDateTime) -> CodeRow {
    CodeRow {
        hash: Vec::new(),
        family,
        redirect_uri: REDIRECT.to_owned(),
        scopes: SCOPES.map(str::to_owned).to_vec(),
        code_challenge: challenge(),
        failures: 0,
        expires_at: now + Duration::DAY,
        consumed_at: None,
    }
}
