//! What one installation of a client holds, put into the database as if it had come through the whole flow.

use sallyport::{
    clients::{
        Client, Origin, Status,
        metadata::{AuthMethod, Metadata},
        redirect::{CustomSchemes, RedirectUri},
    },
    ids::{ClientId, FamilyId, GrantId, PersonId, ServerId},
    secret::{Handle, HandleKind},
    store::{TenantTx, clients, grants, handles},
};
use time::Duration;

use super::Nodes;
use crate::harness::flow::CALLBACK;

/// A client of its own with one grant and one family.
pub(crate) struct Holding {
    pub(crate) client: String,
    pub(crate) grant: String,
    /// Two access tokens of the family.
    pub(crate) access: [String; 2],
    pub(crate) refresh: String,
    /// The client's registration access token.
    pub(crate) registration: String,
}

impl Nodes {
    /// So many, of `person` for `server`.
    pub(crate) async fn holdings_of(&self, person: PersonId, server: ServerId, count: usize) -> Vec<Holding> {
        let mut tx = self.app.app.store.tenant_tx(self.tenant.id).await.unwrap();
        let mut holdings = Vec::new();
        for _ in 0..count {
            holdings.push(self.insert(&mut tx, person, server).await);
        }
        tx.commit().await.unwrap();
        holdings
    }

    /// So many, of the tenant's person for the server.
    pub(crate) async fn holdings(&self, count: usize) -> Vec<Holding> {
        self.holdings_of(self.tenant.person.id, self.server.id, count).await
    }

    pub(crate) async fn holding(&self) -> Holding {
        self.holdings(1).await.remove(0)
    }

    async fn insert(&self, tx: &mut TenantTx, person: PersonId, server: ServerId) -> Holding {
        let (app, now) = (&self.app.app, self.app.clock.now());
        let fresh = |kind| {
            let handle = Handle::generate(kind, &app.entropy).unwrap();
            let stored = app.keyring.store(self.tenant.id, &handle);
            (handle.expose().to_owned(), stored)
        };
        let (registration, kept) = fresh(HandleKind::RegistrationToken);
        let redirect_uri = RedirectUri::register(CALLBACK, &CustomSchemes::known_and(&[])).unwrap();
        let client = Client {
            id: ClientId::new(&self.app.clock, &app.entropy).unwrap(),
            origin: Origin::Registered,
            metadata: Metadata::new(vec![redirect_uri], AuthMethod::None),
            status: Status::Active,
            secret: None,
            registration: Some(kept),
            created_at: now,
            last_used_at: None,
        };
        clients::insert(tx, &client).await.unwrap();
        let scopes = ["mcp:read".to_owned(), "mcp:write".to_owned()];
        let grant = GrantId::new(&self.app.clock, &app.entropy).unwrap();
        let grant = grants::widen(tx, grant, person, &client.id, server, &scopes, now).await.unwrap().id;
        let family = FamilyId::new(&self.app.clock, &app.entropy).unwrap();
        let end = now + Duration::days(1);
        let new = grants::NewFamily { id: family, grant, redirect_uri: None, auth_time: None, expires_at: end };
        grants::insert_family(tx, new, now).await.unwrap();
        let access = [fresh(HandleKind::AccessToken), fresh(HandleKind::AccessToken)];
        for (_, stored) in &access {
            handles::insert_access_token(tx, stored, family, &scopes, now, end).await.unwrap();
        }
        let (refresh, stored) = fresh(HandleKind::RefreshToken);
        handles::insert_refresh_token(tx, &stored, family, 0, &scopes, now, end).await.unwrap();
        Holding {
            client: client.id.to_string(),
            grant: grant.to_string(),
            access: access.map(|(text, _)| text),
            refresh,
            registration,
        }
    }
}
