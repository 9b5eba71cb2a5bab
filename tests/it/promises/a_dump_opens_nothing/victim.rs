//! An installation whose clients and people have something of everything, and the places where an attacker would use it.

use sallyport::{
    cluster::{self, Entry},
    secret::HandleKind,
    store::tenants,
};
use serde_json::json;

use super::values::Value;
use crate::{
    gateway::world::World,
    harness::{
        api,
        canary::Canaries,
        console::appoint,
        flow::{Flow, TestClient, Tokens},
    },
    promises::no_passthrough::scene::{CALLBACK, Secrets},
};

pub(super) struct Victim {
    pub(super) world: World,
    pub(super) secrets: Secrets,
    /// Refresh tokens that were rotated: each has a box, and the second one's opens.
    pub(super) rotated: Vec<String>,
    /// A token of the admin API.
    api: String,
}

/// What something is used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    AccessToken,
    RefreshToken,
    Code,
    Session,
    Interaction,
    ClientSecret,
    RegistrationToken,
    InitialToken,
    ApiToken,
}

impl Use {
    /// The access token before the one that refreshing makes, and what is used up at the end.
    pub(super) const ALL: [Self; 9] = [
        Self::AccessToken,
        Self::Session,
        Self::Interaction,
        Self::ClientSecret,
        Self::RegistrationToken,
        Self::InitialToken,
        Self::ApiToken,
        Self::RefreshToken,
        Self::Code,
    ];

    fn kind(self) -> HandleKind {
        match self {
            Self::AccessToken => HandleKind::AccessToken,
            Self::RefreshToken => HandleKind::RefreshToken,
            Self::Code => HandleKind::Code,
            Self::Session => HandleKind::Session,
            Self::Interaction => HandleKind::Interaction,
            Self::ClientSecret => HandleKind::ClientSecret,
            Self::RegistrationToken => HandleKind::RegistrationToken,
            Self::InitialToken => HandleKind::InitialAccessToken,
            Self::ApiToken => HandleKind::ApiToken,
        }
    }

    pub(super) fn guesses(self, value: &Value) -> impl Iterator<Item = (Self, String)> + use<> {
        value.forms(self.kind()).into_iter().map(move |guess| (self, guess))
    }
}

impl Victim {
    pub(super) async fn start() -> Self {
        let mut world = World::start_with(|config| config.registration.burst = 60_000).await;
        world.server = world.app.server(world.tenant.id, "acme", "demo", &world.upstream.url).await;
        let mut secrets = Secrets::of(&world).await;
        let mut rotated = Vec::new();
        for _ in 0..2 {
            let flow = Flow::new(&world.app, &world.tenant);
            let answer = flow.refresh(&secrets.client, &secrets.tokens.refresh).await;
            let fresh = Tokens::read(&answer.json().await.unwrap());
            rotated.push(std::mem::replace(&mut secrets.tokens, fresh).refresh);
        }
        let person = &world.tenant.person;
        appoint(&world.app, person.id, "administrator").await;
        let api = api::token(&world.app, world.tenant.id, &person.username, &api::all_rights()).await;
        let victim = Self { world, secrets, rotated, api };
        victim.ask_for_initial_tokens().await;
        assert!(victim.works(Use::AccessToken, &victim.secrets.tokens.access).await);
        victim.world.app.app.calls.flush().await.unwrap();
        victim
    }

    async fn ask_for_initial_tokens(&self) {
        let app = &self.world.app.app;
        let mut row = app.store.tenant("acme").await.unwrap().unwrap();
        row.settings = json!({ "registration": "initial_access_token" });
        let mut tx = app.store.platform_tx().await.unwrap();
        tenants::update_tenant(&mut tx, &row).await.unwrap();
        let ticket = cluster::take_all(&mut tx, &[(row.id, Entry::Tenant)], app.clock.now()).await.unwrap().unwrap();
        tx.commit().await.unwrap();
        app.node.settle(ticket).await.unwrap();
    }

    /// All that must be in no copy of the database.
    pub(super) fn add_to(&self, canaries: &mut Canaries) {
        self.secrets.add_to(canaries);
        canaries.add("the password", &self.world.tenant.person.password);
        canaries.add("a token of the admin API", &self.api);
        for token in &self.rotated {
            canaries.add("a rotated refresh token", token);
        }
        for line in self.world.app.key_file.lines().filter_map(|line| line.strip_prefix("key = \"")) {
            let key = line.trim_end_matches('"');
            canaries.add("a key of the key file", key);
            canaries.add_bytes("a key of the key file", &super::boxes::decoded(key));
        }
        let jwt = self.world.upstream.last().jwt().to_owned();
        canaries.add("the JWT of an upstream", jwt.rsplit('.').next().unwrap());
    }

    /// The secret itself.
    pub(super) fn secret(&self, way: Use) -> &str {
        let Secrets { tokens, code, session, interaction, client, registration, initial, .. } = &self.secrets;
        match way {
            Use::AccessToken => &tokens.access,
            Use::RefreshToken => &tokens.refresh,
            Use::Code => code,
            Use::Session => session,
            Use::Interaction => interaction,
            Use::ClientSecret => client.secret.as_deref().unwrap(),
            Use::RegistrationToken => registration,
            Use::InitialToken => initial,
            Use::ApiToken => &self.api,
        }
    }

    /// Whether `guess` is taken for what it is presented as. The attacker has all else that it takes.
    pub(super) async fn works(&self, way: Use, guess: &str) -> bool {
        let Self { world, secrets, .. } = self;
        let (http, issuer, base) = (&world.http, &world.tenant.issuer, &world.app.base);
        let token = |client: &TestClient, secret: &str, form: &[(&str, &str)]| {
            http.post(format!("{issuer}/token")).basic_auth(&client.id, Some(secret)).form(form)
        };
        let own = secrets.client.secret.as_deref().unwrap();
        let cookies = |session: &str| format!("__Host-sp-t-acme={session}; __Host-sp-b-acme={}", secrets.browser);
        let unknown = [("grant_type", "refresh_token"), ("refresh_token", "unknown")];
        let request = match way {
            Use::AccessToken => {
                let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo"}});
                world.post(&call).bearer_auth(guess).header("mcp-protocol-version", crate::gateway::world::LEGACY)
            }
            Use::RefreshToken => {
                token(&secrets.client, own, &[("grant_type", "refresh_token"), ("refresh_token", guess)])
            }
            Use::Code => {
                let resource = &world.tenant.server.resource;
                token(
                    &secrets.client,
                    own,
                    &[
                        ("grant_type", "authorization_code"),
                        ("code", guess),
                        ("code_verifier", &secrets.verifier),
                        ("redirect_uri", CALLBACK),
                        ("resource", resource),
                    ],
                )
            }
            Use::Session => http.get(format!("{base}/t/acme/account")).header("cookie", cookies(guess)),
            Use::Interaction => {
                let page = reqwest::Url::parse_with_params(&format!("{base}/t/acme/consent"), [("interaction", guess)]);
                http.get(page.unwrap()).header("cookie", cookies(&secrets.session))
            }
            Use::ClientSecret => token(&secrets.client, guess, &unknown),
            Use::RegistrationToken => {
                http.get(format!("{issuer}/register/{}", secrets.registered.id)).bearer_auth(guess)
            }
            Use::ApiToken => http.get(format!("{base}/api/admin/v1/tenants/acme/clients")).bearer_auth(guess),
            Use::InitialToken => {
                let body = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
                http.post(format!("{issuer}/register")).json(&body).bearer_auth(guess)
            }
        };
        let status = request.send().await.unwrap().status().as_u16();
        match way {
            Use::ClientSecret => status == 400,
            Use::InitialToken => status == 201,
            _ => status == 200,
        }
    }
}
