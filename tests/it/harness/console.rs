//! What pages of the console are about: something fresh for each thing that can be done, and how it is asked for.

use sallyport::{
    access::{Action, Page},
    api::token::{self, NewApiToken},
    app::routes::{Guard, Route},
    apply::edit::fingerprint,
    clients::initial_token::{self, NewInitialToken},
    ids::{PersonId, TenantId},
    people::Username,
    secret::{Handle, HandleKind},
    tenants::Settings,
};

use super::{
    app::{TestApp, TestTenant},
    browser::{Page as Answer, TestBrowser},
    flow::{CALLBACK, Flow},
};

/// Objects of one tenant, and the token of the console's forms.
pub(crate) struct Things {
    client: String,
    pending: String,
    suspended: String,
    removed: String,
    granted: String,
    grant: String,
    revoked: String,
    /// Servers, by what is done with them.
    servers: [String; 6],
    /// People, by what is done with them.
    people: [String; 7],
    /// Identity providers, by what is done with them.
    providers: [String; 5],
    event: String,
    /// Other tenants, by what is done with them.
    tenants: [String; 5],
    /// The cookies of an administrator of the platform, and the token of the forms of that console.
    pub(crate) platform: (String, String),
    /// That administrator: the place, and the name at login.
    pub(crate) root: (TenantId, String),
    checkpoint: String,
    /// Tokens of the admin API: one to look at, one to take back.
    tokens: [String; 2],
    /// An initial access token, to take back.
    initial: String,
    /// A name that nothing has.
    fresh: String,
    /// What the settings are, as their form has it.
    seen: String,
    /// What the tenant is called.
    name: String,
    pub(crate) csrf: String,
}

/// Makes somebody an administrator.
pub(crate) async fn appoint(app: &TestApp, person: PersonId, role: &str) {
    let change = "update person set roles = array['person', $2] where id = $1";
    sqlx::query(change).bind(person.0).bind(role).execute(&app.db.owner).await.unwrap();
}

/// A link that makes a tenant, as if there were none yet.
pub(crate) async fn first_link(app: &TestApp) -> String {
    let handle = Handle::generate(HandleKind::PersonLink, &app.app.entropy).unwrap();
    let hash = app.app.keyring.keyed("first link", &[handle.expose().as_bytes()]);
    let put = "insert into first_link (hash, expires_at) values ($1, $2)
        on conflict (only_row) do update set hash = excluded.hash, expires_at = excluded.expires_at";
    let until = app.clock.now() + time::Duration::HOUR;
    sqlx::query(put).bind(hash.as_slice()).bind(until).execute(&app.db.owner).await.unwrap();
    handle.expose().to_owned()
}

/// The page and the action of a route of the console.
pub(crate) fn rule(route: &Route) -> Option<(Page, Action)> {
    match route.guard {
        Guard::Console(page, action) => Some((page, action)),
        _ => None,
    }
}

/// The token of the form of a page, which comes after the button that logs out.
pub(crate) fn csrf(page: &str) -> String {
    let (_, rest) = page.rsplit_once("name=\"csrf\" value=\"").expect("the page has a form");
    rest.split('"').next().unwrap().to_owned()
}

impl Things {
    /// `http` is the browser of somebody who is an administrator.
    pub(crate) async fn of(app: &TestApp, tenant: &TestTenant, http: &reqwest::Client) -> Self {
        let flow = Flow::new(app, tenant);
        let client = async || flow.client_with(&[CALLBACK], false).await.id;
        let (pending, suspended, granted) = (client().await, client().await, client().await);
        for (id, change) in
            [(&pending, "status = 'pending'"), (&suspended, "status = 'disabled', status_before = 'active'")]
        {
            let change = format!("update client set {change} where id = $1");
            sqlx::query(sqlx::AssertSqlSafe(change)).bind(id).execute(&app.db.owner).await.unwrap();
        }
        let page = format!("{}/console/t/{}/clients/{pending}/approve", app.base, tenant.slug);
        let page = Answer::of(http.get(page)).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let grants = [grant(app, tenant, &granted).await, grant(app, tenant, &client().await).await];
        let [grant, revoked] = grants;
        let (root, platform) = platform(app).await;
        let settings = Answer::of(http.get(format!("{}/console/t/{}/settings/edit", app.base, tenant.slug))).await;
        let event = "select id::text from audit_event where tenant = $1 limit 1";
        crate::audit::sequence::settled(app, tenant.id).await;
        let checkpoint = "select epoch || '-' || size || '-' || left(encode(root, 'hex'), 12) from audit_checkpoint where tenant = $1 limit 1";
        Self {
            client: client().await,
            removed: client().await,
            csrf: csrf(&page.body),
            fresh: format!("made-{}", sallyport::secret::hex(&*app.app.entropy.bytes::<6>().unwrap())),
            servers: servers(app, tenant).await,
            people: people(app, tenant).await,
            tenants: tenants(app).await,
            platform,
            root,
            providers: providers(app, tenant).await,
            event: sqlx::query_scalar(event).bind(tenant.id.0).fetch_one(&app.db.owner).await.unwrap(),
            checkpoint: sqlx::query_scalar(checkpoint).bind(tenant.id.0).fetch_one(&app.db.owner).await.unwrap(),
            seen: settings.hidden("seen"),
            name: sqlx::query_scalar("select name from tenant where id = $1")
                .bind(tenant.id.0)
                .fetch_one(&app.db.owner)
                .await
                .unwrap(),
            tokens: tokens(app, tenant).await,
            initial: initial(app, tenant).await,
            pending,
            suspended,
            granted,
            grant,
            revoked,
        }
    }

    /// A name that nothing has.
    pub(crate) fn fresh(&self) -> &str {
        &self.fresh
    }

    /// What the tenant is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What stands at `{object}`, or in the parameter that chooses what is meant.
    pub(crate) fn object(&self, page: Page, action: Action) -> String {
        match (page, action) {
            (Page::Clients, Action::Approve) => &self.pending,
            (Page::Clients, Action::Resume) => &self.suspended,
            (Page::Clients, Action::Remove) => &self.removed,
            (Page::Clients, _) => &self.client,
            (Page::Grants, Action::RevokeAll) => &self.granted,
            (Page::Grants, Action::Revoke) => &self.revoked,
            (Page::Grants, _) => &self.grant,
            (Page::Servers, Action::Edit) => &self.servers[0],
            (Page::Servers, Action::Accept) => &self.servers[4],
            (Page::Servers, Action::Enable) => &self.servers[1],
            (Page::Servers, Action::Disable) => &self.servers[2],
            (Page::Servers, Action::Remove) => &self.servers[3],
            (Page::Servers, _) => &self.servers[5],
            (Page::People, Action::EditRoles) => &self.people[0],
            (Page::People, Action::Enable) => &self.people[1],
            (Page::People, Action::Disable) => &self.people[2],
            (Page::People, Action::EndSessions) => &self.people[3],
            (Page::People, Action::MakeLink) => &self.people[4],
            (Page::People, Action::ResetFactors) => &self.people[6],
            (Page::People, _) => &self.people[5],
            (Page::Tenants, Action::Enable) => &self.tenants[0],
            (Page::Tenants, Action::Disable) => &self.tenants[1],
            (Page::Tenants, Action::Remove) => &self.tenants[2],
            (Page::Tenants, Action::MakeLink) => &self.tenants[3],
            (Page::Tenants, _) => &self.tenants[4],
            (Page::Audit, Action::Export) => &self.checkpoint,
            (Page::Providers, Action::Edit) => &self.providers[0],
            (Page::Providers, Action::Enable) => &self.providers[1],
            (Page::Providers, Action::Disable) => &self.providers[2],
            (Page::Providers, Action::Remove) => &self.providers[3],
            (Page::Providers, _) => &self.providers[4],
            (Page::Audit, _) => &self.event,
            (Page::ApiTokens, Action::Revoke) => &self.tokens[1],
            (Page::ApiTokens, _) => &self.tokens[0],
            (Page::InitialTokens, _) => &self.initial,
            (Page::Settings, _) => &self.seen,
            other => panic!("{other:?} is new: say what it is about"),
        }
        .clone()
    }

    /// The parameter that names what it is about, where that is not in the path.
    pub(crate) fn parameter(page: Page, action: Action, asked: bool) -> Option<&'static str> {
        match (page, action) {
            (Page::Grants, Action::RevokeAll) => Some("client"),
            (Page::Settings, Action::Edit) if !asked => Some("seen"),
            _ => None,
        }
    }

    /// What else a form has.
    pub(crate) fn fields(page: Page, action: Action) -> &'static [(&'static str, &'static str)] {
        match (page, action) {
            (Page::Clients, Action::Suspend) => &[("reason", "under review")],
            (Page::Grants, Action::RevokeAll) => &[("count", "1")],
            (Page::Servers, Action::Create) => &[
                ("upstream", "http://127.0.0.1:9/made-here"),
                ("name", "Made here"),
                ("slug", "made-here"),
                ("era", "auto"),
                ("signing", "EdDSA"),
            ],
            (Page::Servers, Action::Edit) => &[
                ("upstream", "http://127.0.0.1:9/made-here-too"),
                ("name", "Other"),
                ("era", "modern"),
                ("version", "1"),
            ],
            (Page::Servers, Action::Accept) => &[("tool search", "mcp:read"), ("version", "1")],
            (Page::Servers, Action::Enable | Action::Disable | Action::Remove) => &[("version", "1")],
            (Page::Providers, Action::Create) => &[
                ("name", "Made here"),
                ("slug", "made-here"),
                ("issuer", "https://idp.example/made-here"),
                ("client_id", "made-here"),
                ("auth_method", "none"),
                ("ES256", "yes"),
            ],
            (Page::Providers, Action::Edit) => &[
                ("name", "Other"),
                ("client_id", "made-here-too"),
                ("auth_method", "client_secret_basic"),
                ("client_secret", "made-here-as-well"),
                ("EdDSA", "yes"),
                ("version", "1"),
            ],
            (Page::Providers, Action::Enable | Action::Disable | Action::Remove) => &[("version", "1")],
            (Page::People, Action::Create) => &[("username", "made-here"), ("name", "Made here")],
            (Page::People, Action::EditRoles) => &[("seen", "person"), ("auditor", "yes")],
            (Page::ApiTokens, Action::Create) => &[("name", "made-here"), ("days", "30"), ("right", "clients:list")],
            (Page::InitialTokens, Action::Create) => &[("name", "made-here"), ("uses", "2"), ("hours", "24")],
            (Page::Settings, Action::Edit) => &[("name", "Renamed"), ("registration", "open")],
            (Page::Tenants, Action::Create) => {
                &[("name", "Made here"), ("slug", "made-here"), ("username", "made-here")]
            }
            (Page::Tenants, Action::MakeLink) => &[("username", "made-here")],
            (Page::Tenants, Action::Edit) => &[("name", "Renamed")],
            _ => &[],
        }
    }

    /// What another tenant is, as whoever edits it has seen it.
    pub(crate) fn tenant_seen() -> String {
        fingerprint("Elsewhere", &Settings::default())
    }

    /// How a good form is answered.
    pub(crate) fn done(page: Page, action: Action) -> u16 {
        match (page, action) {
            // What is shown once is in no address.
            (Page::Servers | Page::Providers, Action::Probe)
            | (Page::Audit, Action::Export)
            | (Page::ApiTokens | Page::InitialTokens, Action::Create)
            | (Page::People | Page::Tenants, Action::Create | Action::MakeLink) => 200,
            _ => 303,
        }
    }

    /// The path of a route, and the parameters of a good request.
    pub(crate) fn good(&self, route: &Route, slug: &str) -> (String, Vec<(&'static str, String)>) {
        let (page, action) = rule(route).expect("a route of the console");
        let path = route.path.replace("{tenant}", place(route, slug, ""));
        let mut fields = Vec::new();
        if route.method == http::Method::POST {
            let fresh = |value: &str| value.replace("made-here", &self.fresh);
            fields.extend(Self::fields(page, action).iter().map(|(name, value)| (*name, fresh(value))));
            match (page, action) {
                (Page::Tenants, Action::Remove) => fields.push(("slug", self.object(page, action))),
                (Page::Tenants, Action::Edit) => fields.push(("seen", Self::tenant_seen())),
                _ => {}
            }
            fields.push(("csrf", if page == Page::Tenants { &self.platform.1 } else { &self.csrf }.clone()));
        }
        if let Some(name) = Self::parameter(page, action, route.method == http::Method::GET) {
            fields.push((name, self.object(page, action)));
        }
        let path = if path.contains("{object}") { path.replace("{object}", &self.object(page, action)) } else { path };
        (path, fields)
    }
}

/// What stands at `{tenant}` in a path: only the platform's console has tenants, and the API names them there.
pub(crate) fn place<'a>(route: &Route, slug: &'a str, object: &'a str) -> &'a str {
    match route.guard {
        Guard::Console(Page::Tenants, _) => "platform",
        Guard::Api(Page::Tenants, _) => object,
        _ => slug,
    }
}

async fn tenants(app: &TestApp) -> [String; 5] {
    let tail = sallyport::secret::hex(&*app.app.entropy.bytes::<6>().unwrap());
    let slugs = ["a", "b", "c", "d", "e"].map(|name| format!("{name}-{tail}"));
    let insert = "insert into tenant (id, slug, name, status, created_at)
        select gen_random_uuid(), slug, 'Elsewhere', case when n in (1, 3) then 'disabled' else 'active' end, now()
          from unnest($1::text[]) with ordinality as made (slug, n)";
    sqlx::query(insert).bind(&slugs[..]).execute(&app.db.owner).await.unwrap();
    slugs
}

/// Somebody new who is an administrator of the platform: their place and name; and logged in: the cookies, and the token of forms.
pub(crate) async fn platform(app: &TestApp) -> ((TenantId, String), (String, String)) {
    let recorder = app.recorder();
    let tx = app.app.store.platform_tx().await.unwrap();
    let (tx, made) = sallyport::people::platform::place(tx, (&recorder, &app.app.keyring)).await.unwrap();
    tx.commit().await.unwrap();
    let name = format!("root-{}", sallyport::secret::hex(&*app.app.entropy.bytes::<6>().unwrap()));
    let person = app.person(made.id, &name).await;
    appoint(app, person.id, "administrator").await;
    let browser = TestBrowser::new(app);
    let login = browser.get("/t/platform/login").await;
    let fields = [("username", &*name), ("password", &person.password), ("csrf", &login.hidden("csrf"))];
    let entered = browser.post("/t/platform/login", &fields).await;
    let page = browser.get("/console/t/platform/tenants/-/new").await;
    let (known, session) = (login.cookie("__Host-sp-b-platform"), entered.cookie("__Host-sp-t-platform"));
    let cookies = format!("__Host-sp-b-platform={}; __Host-sp-t-platform={}", known.unwrap(), session.unwrap());
    ((made.id, name), (cookies, csrf(&page.body)))
}

async fn grant(app: &TestApp, tenant: &TestTenant, client: &str) -> String {
    let insert = "insert into access_grant (tenant, id, subject, person, client, server, scopes, created_at)
        values ($1, gen_random_uuid(), 'person:' || $2::text, $2, $3, $4, '{mcp:read}', now()) returning id::text";
    sqlx::query_scalar(insert)
        .bind(tenant.id.0)
        .bind(tenant.person.id.0)
        .bind(client)
        .bind(tenant.server.id.0)
        .fetch_one(&app.db.owner)
        .await
        .unwrap()
}

async fn servers(app: &TestApp, tenant: &TestTenant) -> [String; 6] {
    let tail = sallyport::secret::hex(&*app.app.entropy.bytes::<6>().unwrap());
    let slugs = ["a", "b", "c", "d", "e", "f"].map(|name| format!("{name}-{tail}"));
    for slug in &slugs {
        app.server(tenant.id, &tenant.slug, slug, &format!("http://127.0.0.1:9/{slug}")).await;
    }
    let disable = "update server set status = 'disabled' where tenant = $1 and slug = $2";
    sqlx::query(disable).bind(tenant.id.0).bind(&slugs[1]).execute(&app.db.owner).await.unwrap();
    slugs
}

async fn tokens(app: &TestApp, tenant: &TestTenant) -> [String; 2] {
    let token = async || {
        let new = NewApiToken {
            person: Username::parse(&tenant.person.username).unwrap(),
            rights: vec!["*:read".to_owned()],
            life: time::Duration::DAY,
            note: "nightly report".to_owned(),
        };
        let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
        let (_, made) = token::create(&mut tx, (&app.recorder(), &app.app.keyring), new).await.unwrap();
        tx.commit().await.unwrap();
        made.id.to_string()
    };
    [token().await, token().await]
}

async fn initial(app: &TestApp, tenant: &TestTenant) -> String {
    let new = NewInitialToken { uses: 1, life: time::Duration::DAY, note: "to take back".to_owned() };
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let (_, made) = initial_token::create(&mut tx, &app.recorder(), &app.app.keyring, new).await.unwrap();
    tx.commit().await.unwrap();
    made.id.to_string()
}

async fn people(app: &TestApp, tenant: &TestTenant) -> [String; 7] {
    let insert = "insert into person (tenant, id, username, display_name, roles, status, created_at)
        select $1, id, id::text, 'Somebody', '{person}', case n when 2 then 'disabled' else 'active' end, now()
          from (select n, gen_random_uuid() as id from generate_series(1, 7) n) made order by n returning id::text";
    let ids: Vec<String> = sqlx::query_scalar(insert).bind(tenant.id.0).fetch_all(&app.db.owner).await.unwrap();
    ids.try_into().unwrap()
}

async fn providers(app: &TestApp, tenant: &TestTenant) -> [String; 5] {
    let tail = sallyport::secret::hex(&*app.app.entropy.bytes::<6>().unwrap());
    let slugs = ["a", "b", "c", "d", "e"].map(|name| format!("idp-{name}-{tail}"));
    let insert =
        "insert into identity_provider (tenant, id, slug, name, issuer, client_id, auth_method, status, created_at)
        values ($1, gen_random_uuid(), $2, $2, 'https://127.0.0.1:9/' || $2, $2, 'none', $3, now())";
    for (n, slug) in slugs.iter().enumerate() {
        let status = if n == 1 { "disabled" } else { "active" };
        sqlx::query(insert).bind(tenant.id.0).bind(slug).bind(status).execute(&app.db.owner).await.unwrap();
    }
    slugs
}
