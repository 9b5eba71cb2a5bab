//! Secrets in parameters that are for something else, at every route.

use reqwest::{Method, RequestBuilder};
use sallyport::app::routes::{self, Guard, Route};
use serde_json::json;

use super::scene::{CALLBACK, Scene, Secrets};
use crate::{
    gateway::world::World,
    harness::flow::{Flow, Tokens},
};

/// Parameters of any endpoint. Without `state`, which goes back to the client as it came and is kept until then, and without
/// `username`, which stands in the form again when the password was wrong.
const PARAMETERS: [&str; 22] = [
    "grant_type",
    "code",
    "refresh_token",
    "code_verifier",
    "redirect_uri",
    "resource",
    "scope",
    "client_id",
    "client_secret",
    "token",
    "token_type_hint",
    "client_assertion",
    "response_type",
    "code_challenge",
    "prompt",
    "login_hint",
    "interaction",
    "csrf",
    "decision",
    "password",
    "grant",
    "request_uri",
];

pub(super) async fn all(scene: &mut Scene) {
    of_client_endpoints(scene).await;
    tries(scene).await;
    let good = good(scene);
    let secrets: Vec<String> = scene.secrets.handles().iter().take(4).map(|(_, text)| (*text).to_owned()).collect();
    for route in routes::public() {
        for (at, parameter) in PARAMETERS.into_iter().enumerate() {
            let secret = &secrets[at % secrets.len()];
            for parameter in [parameter, "access_token"] {
                let request = request(scene, &route, &good, (parameter, secret));
                scene.ask(&format!("{} {} with a secret as {parameter}", route.method, route.path), request).await;
            }
        }
    }
}

type Parameters = Vec<(&'static str, String)>;

/// Parameters of a good authorization request, and what forms need beside them.
fn good(scene: &Scene) -> Parameters {
    let Scene { world, secrets, .. } = scene;
    let flow = Flow { verifier: secrets.verifier.clone(), ..Flow::new(&world.app, &world.tenant) };
    let mut good = flow.parameters(&secrets.client);
    good.retain(|(name, _)| *name != "state");
    let more = [("grant_type", "authorization_code"), ("csrf", secrets.csrf.as_str()), ("username", "grace")];
    good.extend(more.map(|(name, value)| (name, value.to_owned())));
    good
}

/// A request with all of `good` but one parameter, from the browser and the client that hold the secrets.
fn request(
    scene: &Scene,
    route: &Route,
    good: &Parameters,
    (parameter, secret): (&'static str, &str),
) -> RequestBuilder {
    let Scene { world, secrets, .. } = scene;
    let path = route.path.replace("{tenant}", "acme").replace("{server}", "demo");
    let path = path
        .replace("{client_id}", &secrets.registered.id)
        .replace("{object}", &secrets.registered.id)
        .replace("{id}", &secrets.registered.id)
        .replace("{provider}", "nobody")
        .replace("{file}", "nothing.css");
    let mut parameters: Parameters = good.iter().filter(|(name, _)| *name != parameter).cloned().collect();
    parameters.push((parameter, secret.to_owned()));
    let query: &[(&str, String)] = if route.method == Method::GET { &parameters } else { &[] };
    let url = reqwest::Url::parse_with_params(&world.app.url(&path), query).unwrap();
    let request = world.http.request(route.method.clone(), url).header("origin", &world.app.base);
    let cookies = format!("__Host-sp-t-acme={}; __Host-sp-b-acme={}", secrets.session, secrets.browser);
    let request = match route.guard {
        Guard::Browser | Guard::Console(..) => request.header("cookie", cookies),
        Guard::Client => request.basic_auth(&secrets.client.id, secrets.client.secret.as_deref()),
        Guard::Server => request.basic_auth("demo", Some(&secrets.server)),
        // Never the one that fits: the registration shall stay.
        Guard::RegistrationToken | Guard::Registration | Guard::Api(..) => request.bearer_auth(&secrets.initial),
        Guard::Provider | Guard::Bearer | Guard::Public | Guard::Preflight => request,
    };
    match route.method {
        Method::POST if route.guard == Guard::Registration => {
            request.json(&json!({ "redirect_uris": [secret], parameter: secret }))
        }
        Method::POST => request.form(&parameters),
        Method::PUT => request.json(&json!({ "client_id": secrets.registered.id, parameter: secret })),
        _ => request,
    }
}

/// Endpoints that a client uses, with its secrets, all wrong in one thing.
pub(super) async fn of_client_endpoints(scene: &mut Scene) {
    let Scene { world, secrets, .. } = &*scene;
    let (access, refresh) = (secrets.tokens.access.as_str(), secrets.tokens.refresh.as_str());
    let redeem = |code: &str, verifier: &str| {
        let form = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", verifier)];
        as_client(world, "token", secrets).form(&form)
    };
    let refreshes = |more: (&str, &str)| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh), more];
        as_client(world, "token", secrets).form(&form)
    };
    let stranger = |endpoint: &str, form: &[(&str, &str)]| {
        let request = world.http.post(format!("{}/{endpoint}", world.tenant.issuer));
        request.basic_auth(&secrets.registered.id, secrets.registered.secret.as_deref()).form(form)
    };
    let managed = |method: Method, token: &str| {
        let url = format!("{}/register/{}", world.tenant.issuer, secrets.registered.id);
        world.http.request(method, url).bearer_auth(token).json(&json!({ "redirect_uris": [CALLBACK] }))
    };
    let login = [("username", "grace"), ("password", world.tenant.person.password.as_str()), ("csrf", &secrets.csrf)];
    let other_verifier = "x".repeat(43);
    let requests = vec![
        ("a wrong verifier", redeem(&secrets.code, &other_verifier)),
        ("a refresh token as code", redeem(refresh, &secrets.verifier)),
        ("a scope that was not granted", refreshes(("scope", "mcp:read mcp:everything"))),
        ("another resource", refreshes(("resource", "https://elsewhere.example/"))),
        (
            "another's code",
            stranger(
                "token",
                &[("grant_type", "authorization_code"), ("code", &secrets.code), ("code_verifier", &secrets.verifier)],
            ),
        ),
        ("another's refresh token", stranger("token", &[("grant_type", "refresh_token"), ("refresh_token", refresh)])),
        ("another's access token", stranger("revoke", &[("token", access)])),
        ("two ways to prove a client", refreshes(("client_secret", secrets.client.secret.as_deref().unwrap()))),
        ("reading with the wrong token", managed(Method::GET, &secrets.initial)),
        ("replacing with the wrong token", managed(Method::PUT, access)),
        ("replacing without the client_id", managed(Method::PUT, &secrets.registration)),
        ("removing with the wrong token", managed(Method::DELETE, refresh)),
        ("a login form of another purpose", world.http.post(format!("{}/login", world.tenant.issuer)).form(&login)),
    ];
    for (what, request) in requests {
        scene.goes_wrong(what, request).await;
    }
}

fn as_client(world: &World, endpoint: &str, secrets: &Secrets) -> RequestBuilder {
    let url = world.app.url(&format!("/t/acme/{endpoint}"));
    world.http.post(url).basic_auth(&secrets.client.id, secrets.client.secret.as_deref())
}

/// What changes something: refreshes, a retry, a replay, revocations, a login with a wrong password.
async fn tries(scene: &mut Scene) {
    let Scene { world, secrets, .. } = &*scene;
    let flow = Flow { verifier: secrets.verifier.clone(), ..Flow::new(&world.app, &world.tenant) };
    let client = flow.client_with(&[CALLBACK], true).await;
    let code = flow.code(&client).await;
    let first = Tokens::read(&flow.redeem(&client, &code).await.json().await.unwrap());
    let second = Tokens::read(&flow.refresh(&client, &first.refresh).await.json().await.unwrap());
    let retried = Tokens::read(&flow.refresh(&client, &first.refresh).await.json().await.unwrap());
    let third = Tokens::read(&flow.refresh(&client, &second.refresh).await.json().await.unwrap());
    let page = crate::harness::browser::TestBrowser::new(&world.app);
    let wrong = page.try_login(&world.tenant, "grace", &secrets.tokens.access).await;
    let (replayed, after) = (flow.redeem(&client, &code).await, flow.refresh(&client, &third.refresh).await);
    let revoked = flow.client_post("revoke", &client, &[("token", &third.access)]).await;
    let secret = client.secret.clone().unwrap();
    for (name, secret) in [
        ("a client secret", &secret),
        ("a redeemed code", &code),
        ("a first access token", &first.access),
        ("a first refresh token", &first.refresh),
        ("a second access token", &second.access),
        ("a second refresh token", &retried.refresh),
        ("a third access token", &third.access),
        ("a third refresh token", &third.refresh),
    ] {
        scene.canary(name, secret);
    }
    scene.heard("a wrong password", format!("{:?} {}", wrong.headers, wrong.body));
    assert_eq!(scene.hear("a replayed code", replayed).await, 400);
    assert_eq!(scene.hear("a refresh after the replay", after).await, 400);
    assert_eq!(scene.hear("a revocation", revoked).await, 200);
}
