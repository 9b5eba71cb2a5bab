//! The good requests of every route: those of `tests/it/http/generated/scene.rs`, and those that need a provider or a passkey.

use sallyport::{
    app::routes::{self, Route},
    http::pages::stylesheet_path,
    secret::hex,
};
use serde_json::json;

use super::{ask::Ask, world::World};
use crate::{
    harness::{
        authenticator::Authenticator,
        browser::{Page, TestBrowser},
        console::place,
    },
    http::generated::{
        draw::{Body, Good},
        scene::Scene,
    },
    people::providers::Way,
};

pub(super) struct Props {
    pub(super) scene: Scene,
    passkeys: Passkeys,
    provider: Provider,
}

/// Somebody with a passkey, who adds another one, removes the first, and logs in with it elsewhere.
struct Passkeys {
    cookies: String,
    csrf: String,
    more: String,
    id: String,
    at_login: String,
    login_csrf: String,
    login: String,
}

/// Somebody who comes from the provider, and is logged out there.
struct Provider {
    cookies: String,
    csrf: String,
    state: String,
    issuer: String,
    logout: String,
}

/// The cookie of an answer, as a browser sends it.
fn cookie(page: &Page, place: &str) -> String {
    let name = format!("__Host-sp-{place}-acme");
    format!("{name}={}", page.cookie(&name).expect("a cookie"))
}

/// What the script reads from a page.
fn options(page: &Page) -> String {
    let (_, rest) = page.body.split_once("data-options=\"").expect("options");
    rest.split('"').next().unwrap().replace("&#34;", "\"").replace("&#38;", "&")
}

impl Passkeys {
    async fn of(world: &World) -> Self {
        let app = world.app();
        let name = format!("linus-{}", hex(&*app.app.entropy.bytes::<6>().unwrap()));
        let person = app.person(world.acme().id, &name).await;
        let browser = TestBrowser::new(app);
        let first = browser.get("/t/acme/login").await;
        let fields = [("csrf", &*first.hidden("csrf")), ("username", &*name), ("password", &*person.password)];
        let entered = browser.post("/t/acme/login", &fields).await;
        let mut own = Authenticator::new(&app.base);
        let page = browser.get("/t/acme/account/passkey").await;
        let credential = own.create(&options(&page)).unwrap();
        let csrf = page.hidden("csrf");
        let fields = [("csrf", &*csrf), ("credential", &*credential), ("name", "First")];
        assert_eq!(browser.post("/t/acme/account/passkey", &fields).await.status, 200);
        let page = browser.get("/t/acme/account/passkey").await;
        let more = Authenticator::new(&app.base).create(&options(&page)).unwrap();
        let login = TestBrowser::new(app).get("/t/acme/login").await;
        Self {
            cookies: [cookie(&first, "b"), cookie(&entered, "t")].join("; "),
            csrf,
            more,
            id: sqlx::query_scalar("select id::text from passkey where person = $1")
                .bind(person.id.0)
                .fetch_one(&app.db.owner)
                .await
                .unwrap(),
            at_login: cookie(&login, "b"),
            login_csrf: login.hidden("csrf"),
            login: own.get(&options(&login)).unwrap(),
        }
    }
}

impl Provider {
    async fn of(world: &World) -> Self {
        let (app, idp) = (world.app(), &world.idp);
        let browser = TestBrowser::new(app);
        let page = browser.get("/t/acme/login").await;
        let csrf = page.hidden("csrf");
        let sent = browser.post("/t/acme/login/with/idp", &[("csrf", &csrf)]).await;
        let url = url::Url::parse(sent.location()).unwrap();
        let of = |name: &str| url.query_pairs().find(|(own, _)| own == name).unwrap().1.into_owned();
        let way = Way { state: of("state"), nonce: of("nonce") };
        let subject = format!("subject-{}", hex(&*app.app.entropy.bytes::<6>().unwrap()));
        let claims = idp.claims(&way, json!({ "sub": subject, "preferred_username": subject, "email": null }));
        idp.answer(&idp.issuer.token_by(&idp.issuer.signer, &json!({ "typ": "JWT" }), &claims));
        let now = app.clock.unix();
        let event = "http://schemas.openid.net/event/backchannel-logout";
        let claims = json!({
            "iss": idp.issuer.name, "aud": "sallyport", "iat": now, "exp": now + 120, "jti": subject,
            "events": { event: {} }, "sub": subject,
        });
        Self {
            cookies: cookie(&page, "b"),
            csrf,
            state: way.state,
            issuer: idp.issuer.name.clone(),
            logout: idp.issuer.token_by(&idp.issuer.signer, &json!({ "typ": "logout+jwt" }), &claims),
        }
    }
}

impl Props {
    pub(super) async fn of(world: &World) -> Self {
        let scene = Scene::of(world.app(), world.acme()).await;
        Self { scene, passkeys: Passkeys::of(world).await, provider: Provider::of(world).await }
    }

    /// A route's own requests.
    pub(super) fn asks(&self, base: &str, route: &Route) -> Vec<Ask> {
        let goods = self.special(route).map_or_else(|| self.scene.good(route), |good| vec![good]);
        let one = |mut good: Good| {
            let path = route.path.replace("{tenant}", place(route, "acme", &good.object)).replace("{server}", "demo");
            let path = path.replace("{client_id}", &self.scene.client.id).replace("{provider}", "idp");
            let path = path.replace("{object}", &good.object).replace("{id}", &good.object);
            let ask = Ask {
                guard: route.guard,
                method: route.method.clone(),
                route: route.path,
                path: path.replace("/static/{file}", stylesheet_path()),
                good: Good::default(),
                raw: None,
            };
            if ask.is_browsers() && ask.changes() {
                good.headers.push(("origin", base.to_owned()));
            }
            let ask = Ask { good, ..ask };
            // A login ends the one before, and takes over what waits, which the others need.
            let is_login = route.path == "/t/{tenant}/login" && ask.changes();
            if is_login { ask.with_cookie("t", None).with_field("interaction", None) } else { ask }
        };
        goods.into_iter().map(one).collect()
    }

    /// Those of all routes, in an order in which all can be done: what comes last ends what the others need.
    pub(super) fn all(&self, world: &World) -> Vec<Ask> {
        let base = &world.app().base;
        let mut all: Vec<Ask> = routes::public().iter().flat_map(|route| self.asks(base, route)).collect();
        all.sort_by_key(|ask| match (ask.method.as_str(), ask.route) {
            ("PUT", "/t/{tenant}/register/{client_id}") | (_, "/t/{tenant}/account/passkey/remove") => 2,
            ("DELETE", "/t/{tenant}/register/{client_id}") => 3,
            (_, "/t/{tenant}/logout") if ask.changes() => 3,
            _ => u8::from(ask.changes()),
        });
        all
    }

    fn special(&self, route: &Route) -> Option<Good> {
        let form = |cookies: &str, fields: &[(&str, &str)]| {
            let own = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let headers = if cookies.is_empty() { Vec::new() } else { vec![("cookie", cookies.to_owned())] };
            Good { body: Body::Form(own), headers, ..Good::default() }
        };
        let (keys, idp) = (&self.passkeys, &self.provider);
        Some(match (route.method.as_str(), route.path) {
            ("GET", "/t/{tenant}/account/passkey") => Good { body: Body::None, ..form(&keys.cookies, &[]) },
            ("POST", "/t/{tenant}/account/passkey") => {
                form(&keys.cookies, &[("csrf", &keys.csrf), ("credential", &keys.more), ("name", "Mine")])
            }
            ("POST", "/t/{tenant}/account/passkey/remove") => {
                form(&keys.cookies, &[("csrf", &keys.csrf), ("passkey", &keys.id)])
            }
            ("POST", "/t/{tenant}/login/passkey") => {
                form(&keys.at_login, &[("csrf", &keys.login_csrf), ("credential", &keys.login)])
            }
            ("POST", "/t/{tenant}/login/with/{provider}") => form(&idp.cookies, &[("csrf", &idp.csrf)]),
            ("GET", "/t/{tenant}/login/with/{provider}/callback") => {
                let query = [("state", &*idp.state), ("code", "c"), ("iss", &idp.issuer)];
                let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
                Good { query, body: Body::None, ..form(&idp.cookies, &[]) }
            }
            ("POST", "/t/{tenant}/login/with/{provider}/logout") => form("", &[("logout_token", &idp.logout)]),
            _ => return None,
        })
    }
}
