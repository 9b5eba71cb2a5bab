//! A flow whose secrets are canaries, and everything that is heard of it.

use reqwest::{RequestBuilder, Response};
use sallyport::{
    clients::initial_token::{self, NewInitialToken},
    ids::FamilyId,
    secret::Entropy,
};
use serde_json::{Value, json};

use crate::{
    gateway::world::{Token, World},
    harness::{
        browser::TestBrowser,
        canary::Canaries,
        flow::{Flow, TestClient, Tokens, hidden, location, query},
        log::Log,
        wiretap::Wiretap,
    },
};

pub(in crate::promises) const CALLBACK: &str = "https://client.example/callback";

/// Secrets by what they are.
pub(in crate::promises) struct Secrets {
    pub(in crate::promises) client: TestClient,
    pub(in crate::promises) verifier: String,
    /// Never redeemed.
    pub(in crate::promises) code: String,
    pub(in crate::promises) tokens: Tokens,
    pub(in crate::promises) registration: String,
    /// Of the client that registered itself.
    pub(in crate::promises) registered: TestClient,
    /// One use of it is left.
    pub(in crate::promises) initial: String,
    pub(in crate::promises) session: String,
    pub(in crate::promises) browser: String,
    pub(in crate::promises) csrf: String,
    pub(in crate::promises) interaction: String,
    /// With which the server asks about tokens.
    pub(in crate::promises) server: String,
}

pub(super) struct Scene {
    pub(super) world: World,
    pub(super) secrets: Secrets,
    /// The access token of `secrets`.
    pub(super) token: Token,
    /// Never presented while the database was there.
    pub(super) cold: Token,
    canaries: Canaries,
    tap: Wiretap,
    log: Log,
    /// Answers that hand nothing out, with their heads.
    answers: Vec<(String, String)>,
}

impl Scene {
    pub(super) async fn start() -> Self {
        let log = Log::listen();
        let mut world = World::start_with(|config| {
            config.upstream.response_timeout = std::time::Duration::from_secs(2);
            config.upstream.max_answer_bytes = 1000;
            config.registration.burst = 10_000;
            config.login.throttle.per_address = 10_000;
        })
        .await;
        let tap = Wiretap::before(&world.upstream.url).await;
        world.server = world.app.server(world.tenant.id, "acme", "demo", &tap.url).await;
        let password = Entropy::system().text::<24>().unwrap();
        world.tenant.person = world.app.person_with(world.tenant.id, "grace", password).await;

        let secrets = Secrets::of(&world).await;
        let family =
            sqlx::query_scalar("select family from refresh_token").fetch_one(&world.app.db.owner).await.unwrap();
        let token = Token { text: secrets.tokens.access.clone(), family: FamilyId(family) };
        let cold = world.token(&crate::gateway::world::BOTH).await;
        let mut canaries = Canaries::default();
        secrets.add_to(&mut canaries);
        canaries.add("the cold access token", &cold.text);
        canaries.add("the password", &world.tenant.person.password);
        for line in world.app.key_file.lines().filter_map(|line| line.strip_prefix("key = \"")) {
            canaries.add("a key of the key file", line.trim_end_matches('"'));
        }
        Self { world, secrets, token, cold, canaries, tap, log, answers: Vec::new() }
    }

    /// Adds a secret that came later.
    pub(super) fn canary(&mut self, name: &str, secret: &str) {
        self.canaries.add(name, secret);
    }

    /// Sends a request whose answer hands nothing out, and hears all of the answer. Its status.
    pub(super) async fn ask(&mut self, what: &str, request: RequestBuilder) -> u16 {
        // Some requests are too broken to be answered at all.
        match request.send().await {
            Ok(answer) => self.hear(what, answer).await,
            Err(_) => 0,
        }
    }

    /// As [`Scene::ask`], of a request that must fail.
    pub(super) async fn goes_wrong(&mut self, what: &str, request: RequestBuilder) {
        let status = self.ask(what, request).await;
        assert!(status >= 400, "{what}: {status}");
    }

    pub(super) async fn hear(&mut self, what: &str, answer: Response) -> u16 {
        let (status, head) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
        // A broken body is heard as far as it came.
        let body = answer.text().await.unwrap_or_default();
        self.heard(what, format!("{status} {head}\n{body}"));
        status
    }

    pub(super) fn heard(&mut self, what: &str, answer: String) {
        self.answers.push((what.to_owned(), answer));
    }

    /// Looks for the canaries in all that left the application or was written down.
    pub(super) async fn search(self) {
        let Self { world, mut canaries, tap, log, answers, .. } = self;
        // The writer of events had its own connection to lose; what it still holds is in no table, which is another promise.
        let (traffic, log, dump) = (tap.heard(), log.text(), world.app.db.dump().await);
        let has = |text: &[u8], part: &str| text.windows(part.len()).any(|window| window == part.as_bytes());
        assert!(has(&traffic, "tools/call") && has(&traffic, "uthorization: Bearer ey"), "the tap heard");
        assert!(log.contains("answered") && log.contains("an upstream gave no answer"), "the log was heard");
        assert!(has(&dump, "public.audit_event_before_") && has(&dump, "token.refreshed") && has(&dump, "tools/call"));
        assert!(answers.len() > 1000, "{}", answers.len());
        canaries.assert_absent("the traffic to the upstream", &traffic);

        // Of the inner door's credential the upstream sees all, and nobody else anything.
        let jwts =
            world.upstream.seen().iter().map(|seen| seen.jwt().to_owned()).collect::<std::collections::BTreeSet<_>>();
        for jwt in &jwts {
            canaries.add("the signature of a JWT", jwt.rsplit('.').next().unwrap());
        }
        canaries.assert_absent("the log", &log);
        canaries.assert_absent("a table", &dump);
        canaries.assert_absent("/metrics", world.app.app.metrics.encode().unwrap());
        for (what, answer) in answers {
            canaries.assert_absent(&format!("the answer to {what}"), answer);
        }
    }
}

impl Secrets {
    /// Goes through login, registration, consent and redemption.
    pub(in crate::promises) async fn of(world: &World) -> Self {
        let (app, tenant) = (&world.app, &world.tenant);
        let mut flow = Flow::new(app, tenant);
        let browser = TestBrowser::new(app);
        let page = browser.get("/t/acme/login").await;
        let fields = [
            ("username", tenant.person.username.as_str()),
            ("password", &tenant.person.password),
            ("csrf", &page.hidden("csrf")),
        ];
        let entered = browser.post("/t/acme/login", &fields).await;
        let cookie = |name: &str, of: &crate::harness::browser::Page| of.cookie(name).expect("a cookie").to_owned();
        let (browser_cookie, session) = (cookie("__Host-sp-b-acme", &page), cookie("__Host-sp-t-acme", &entered));
        flow.http = browser.http;

        let client = flow.client_with(&[CALLBACK], true).await;
        let mut parameters = flow.parameters(&client);
        parameters.push(("prompt", "consent".to_owned()));
        let mut codes = Vec::new();
        for _ in 0..2 {
            let html = flow.consent_page(&parameters).await;
            let sent = flow.decide(&html, "approve", &["mcp:read", "mcp:write"]).await;
            codes.push(query(&location(&sent), "code").unwrap());
        }
        let tokens = Tokens::read(&flow.redeem(&client, &codes.remove(0)).await.json().await.unwrap());
        let html = flow.consent_page(&parameters).await;
        let (registered, registration) = register(world).await;
        Self {
            verifier: flow.verifier.clone(),
            code: codes.remove(0),
            tokens,
            registration,
            registered,
            initial: initial_token(world).await,
            session,
            browser: browser_cookie,
            csrf: hidden(&html, "csrf"),
            interaction: hidden(&html, "interaction"),
            server: app.server_secret(tenant.id, tenant.server.id).await,
            client,
        }
    }

    pub(in crate::promises) fn add_to(&self, canaries: &mut Canaries) {
        canaries.add("the code verifier", &self.verifier);
        canaries.add("the CSRF token", &self.csrf);
        for (name, secret) in self.handles() {
            canaries.add(name, secret);
        }
    }

    /// Those that are handles, by name.
    pub(super) fn handles(&self) -> [(&'static str, &str); 11] {
        [
            ("the access token", &self.tokens.access),
            ("the refresh token", &self.tokens.refresh),
            ("the code", &self.code),
            ("the client secret", self.client.secret.as_deref().unwrap()),
            ("the registered client's secret", self.registered.secret.as_deref().unwrap()),
            ("the registration access token", &self.registration),
            ("the initial access token", &self.initial),
            ("the session", &self.session),
            ("the browser's cookie", &self.browser),
            ("the interaction", &self.interaction),
            ("the server's secret", &self.server),
        ]
    }
}

async fn register(world: &World) -> (TestClient, String) {
    let body = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic" });
    let request = world.http.post(format!("{}/register", world.tenant.issuer)).json(&body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let text = |member: &str| answer[member].as_str().unwrap().to_owned();
    let client =
        TestClient { id: text("client_id"), secret: Some(text("client_secret")), redirect_uri: CALLBACK.to_owned() };
    (client, text("registration_access_token"))
}

async fn initial_token(world: &World) -> String {
    let app = &world.app.app;
    let mut tx = app.store.tenant_tx(world.tenant.id).await.unwrap();
    let new = NewInitialToken { uses: 2, life: time::Duration::DAY, note: "for the build farm".to_owned() };
    let made = initial_token::create(&mut tx, &world.app.recorder(), &app.keyring, new).await;
    tx.commit().await.unwrap();
    made.unwrap().0.expose().to_owned()
}
