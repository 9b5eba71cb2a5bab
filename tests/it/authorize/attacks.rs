//! Attacks of RFC 9700 that nothing else replays. Which test replays which is in `docs/conformance.md`.

use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{Flow, TestClient, Tokens, hidden, location, oauth_error, query},
};

const WEB: &str = "https://client.example/cb/Done?from=here";
const BOTH: [&str; 2] = ["mcp:read", "mcp:write"];

fn with(flow: &Flow<'_>, client: &TestClient, changes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut parameters = flow.parameters(client);
    for (name, value) in changes {
        parameters.retain(|(key, _)| key != name);
        parameters.push((name, (*value).to_owned()));
    }
    parameters
}

/// Where a page or a redirect would take the browser.
async fn ways_out(response: Response) -> (StatusCode, Vec<String>, String) {
    let (status, to) =
        (response.status(), response.headers().get("location").map(|to| to.to_str().unwrap().to_owned()));
    let html = response.text().await.unwrap();
    let links = ["href=\"", "src=\"", "action=\"", "url="].iter();
    let links =
        links.flat_map(|before| html.split(before).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    // The icon is in the page.
    let links = links.filter(|link| !link.starts_with("data:image/svg+xml,"));
    (status, to.into_iter().chain(links).collect(), html)
}

/// RFC 9700 §4.1: what is not byte for byte what was registered is not the client's, however a browser would read it.
#[tokio::test]
async fn a_redirect_uri_in_another_spelling_is_another() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let loopback = "http://127.0.0.1:7777/callback";
    let client = flow.client_with(&[WEB, loopback, "com.example.notes:/done"], false).await;
    let tricks = [
        "https://client.example@evil.example/cb/Done?from=here",
        "https://client.example:x@evil.example/cb/Done?from=here",
        "https://evil.example\\@client.example/cb/Done?from=here",
        "https://client.example\\.evil.example/cb/Done?from=here",
        "https://client.example.evil.example/cb/Done?from=here",
        "https://CLIENT.example/cb/Done?from=here",
        "HTTPS://client.example/cb/Done?from=here",
        "https://client.example./cb/Done?from=here",
        "https://client.example:443/cb/Done?from=here",
        "http://client.example/cb/Done?from=here",
        "https://client.example/cb/done?from=here",
        "https://client.example/cb%2FDone?from=here",
        "https://client.example/cb/%44one?from=here",
        "https://client.example/cb/./Done?from=here",
        "https://client.example/cb/x/../Done?from=here",
        "https://client.example/cb/x/%2e%2e/Done?from=here",
        "https://client.example//cb/Done?from=here",
        "https://client.example/cb/Done/?from=here",
        "https://client.example/cb/Done",
        "https://client.example/cb/Done?from=here&more",
        "https://client.example/cb/Done?from=here#",
        "https://client.example/cb/Done?from=here#code",
        " https://client.example/cb/Done?from=here",
        "https://client.example/cb/Done?from=here\n",
        "https://client.example/cb/Done\t?from=here",
        "https://clie\u{f1}t.example/cb/Done?from=here",
        "//client.example/cb/Done?from=here",
        "/cb/Done?from=here",
        "http://127.0.0.1:7777/callback/",
        "http://127.0.0.1:7777/CALLBACK",
        "http://127.0.0.1:7777@evil.example/callback",
        "http://127.0.0.1:7777/x/../callback",
        "http://127.0.0.1:7777?/callback",
        "http://127.0.0.1.:7777/callback",
        "http://127.1:7777/callback",
        "http://2130706433:7777/callback",
        "http://[::ffff:127.0.0.1]:7777/callback",
        "http://localhost:7777/callback",
        "http://127.0.0.1:077/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:/callback",
        "https://127.0.0.1:7777/callback",
        "com.example.notes://done",
        "com.example.notes:/done/x",
        "COM.example.notes:/done",
        "com.example.notes:done",
    ];
    // Nobody is logged in; then somebody is, who has allowed this client before.
    for logged_in in [false, true] {
        if logged_in {
            flow.code(&client).await;
        }
        for trick in tricks {
            // A mistake beside it changes nothing: an error is no way out either.
            for (name, value) in [("state", "s"), ("response_type", "token"), ("prompt", "none")] {
                let asked = with(&flow, &client, &[("redirect_uri", trick), (name, value)]);
                let (status, ways, html) = ways_out(flow.authorize(&asked).await).await;
                assert_eq!(status, StatusCode::BAD_REQUEST, "{trick} {name}");
                assert!(ways.iter().all(|way| way.starts_with("/static/")), "{trick}: {ways:?}");
                assert!(!html.contains("evil.example"), "{html}");
            }
        }
        for own in [WEB, loopback, "http://127.0.0.1:1/callback"] {
            let response = flow.authorize(&with(&flow, &client, &[("redirect_uri", own)])).await;
            assert_eq!(response.status(), StatusCode::SEE_OTHER, "{own}");
        }
    }
}

/// RFC 9700 §4.4, RFC 9207: every answer says who gave it, in the very bytes of the metadata, at each tenant its own.
#[tokio::test]
async fn every_answer_names_its_issuer_as_the_metadata_does() {
    let app = TestApp::start().await;
    for slug in ["acme", "other"] {
        let tenant = app.tenant(slug).await;
        let at = app.url(&format!("/.well-known/oauth-authorization-server/t/{slug}"));
        let metadata: Value = app.http().get(at).send().await.unwrap().json().await.unwrap();
        let issuer = metadata["issuer"].as_str().unwrap();
        assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
        let flow = Flow::new(&app, &tenant);
        let client = flow.client_with(&[WEB], false).await;
        let html = flow.consent_page(&flow.parameters(&client)).await;
        let denied = flow.decide(&html, "deny", &[]).await;
        let html = flow.consent_page(&flow.parameters(&client)).await;
        let approved = flow.decide(&html, "approve", &BOTH).await;
        let mistaken = flow.authorize(&with(&flow, &client, &[("code_challenge_method", "plain")])).await;
        let silent = flow.authorize(&with(&flow, &client, &[("prompt", "none"), ("scope", "mcp:read")])).await;
        for answer in [denied, approved, mistaken, silent] {
            let to = location(&answer);
            // What the client had in its address stays, and nothing of it takes our place.
            assert!(to.starts_with(&format!("{WEB}&")), "{to}");
            assert_eq!(query(&to, "iss").as_deref(), Some(issuer));
            assert_eq!(query(&to, "state").as_deref(), Some("s t\u{e4}te&="));
        }
        // Also over the page for custom schemes.
        let native = flow.client_with(&["cursor://anysphere.cursor-mcp/oauth/callback"], false).await;
        let html = flow.consent_page(&flow.parameters(&native)).await;
        let (_, ways, _) = ways_out(flow.decide(&html, "approve", &BOTH).await).await;
        let to =
            ways.iter().find(|way| way.starts_with("cursor://")).unwrap().replace("&#38;", "&").replace("&amp;", "&");
        assert_eq!(query(&to, "iss").as_deref(), Some(issuer));
    }
}

/// RFC 9700 §4.5: a stolen code, brought to the thief's own session of the same client, does not fit its verifier; nor is
/// the challenge, which everybody has seen, a verifier (§4.8, PKCE downgrade).
#[tokio::test]
async fn a_code_of_another_session_is_not_redeemed() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let (victim, thief) = (Flow::new(&app, &tenant), Flow::new(&app, &tenant));
    let client = victim.client().await;
    let (stolen, own) = (victim.code(&client).await, thief.code(&client).await);
    let refused = (StatusCode::BAD_REQUEST, "invalid_grant".to_owned());
    assert_eq!(oauth_error(thief.redeem(&client, &stolen).await).await, refused);
    assert_eq!(oauth_error(victim.redeem(&client, &own).await).await, refused);
    let seen = Flow { verifier: victim.challenge(), ..Flow::new(&app, &tenant) };
    assert_eq!(oauth_error(seen.redeem(&client, &stolen).await).await, refused);
    let form = [("grant_type", "authorization_code"), ("code", stolen.as_str())];
    for verifier in [None, Some("")] {
        let form = form.iter().copied().chain(verifier.map(|verifier| ("code_verifier", verifier)));
        let answer = victim.token(&client, &form.collect::<Vec<_>>()).await;
        assert_eq!(oauth_error(answer).await, (StatusCode::BAD_REQUEST, "invalid_request".to_owned()));
    }
    assert_eq!(victim.redeem(&client, &stolen).await.status(), StatusCode::OK);
    assert_eq!(thief.redeem(&client, &own).await.status(), StatusCode::OK);
}

/// A second server of the tenant, an address above, and one that only looks alike.
async fn other_resources(app: &TestApp, tenant: &TestTenant) -> Vec<String> {
    let second = app.server(tenant.id, "acme", "second", "http://127.0.0.1:9/second").await.resource;
    let own = &tenant.server.resource;
    let above = own.rsplit_once('/').unwrap().0;
    let alike = [
        format!("{own}/x"),
        format!("{own}//"),
        format!("{own}?x"),
        own.replace("demo", "DEMO"),
        own.replace("demo", "%64emo"),
        own.replace("/mcp/", "/mcp/x/../"),
    ];
    [second, above.to_owned()].into_iter().chain(alike).collect()
}

/// Scope and audience are those of the consent: neither grows at the token endpoint (RFC 6749 §6, RFC 8707 §2.2).
#[tokio::test]
async fn neither_scope_nor_resource_grows_after_consent() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let others = other_resources(&app, &tenant).await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client().await;
    let target = (StatusCode::BAD_REQUEST, "invalid_target".to_owned());
    // In two flows, since five wrong tries end a code.
    for resources in others.chunks(4) {
        let code = flow.code_for(&client, &["mcp:read"]).await;
        for resource in resources {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("code_verifier", &*flow.verifier),
                ("resource", resource),
                ("scope", "mcp:read mcp:write"),
            ];
            assert_eq!(oauth_error(flow.token(&client, &form).await).await, target, "{resource}");
        }
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("code_verifier", &*flow.verifier),
            ("scope", "mcp:read mcp:write"),
        ];
        let tokens = Tokens::read(&flow.token(&client, &form).await.json().await.unwrap());
        assert_eq!(tokens.scope, "mcp:read", "a scope at redemption means nothing");
        for resource in resources {
            let form = [("grant_type", "refresh_token"), ("refresh_token", &*tokens.refresh), ("resource", resource)];
            assert_eq!(oauth_error(flow.token(&client, &form).await).await, target, "{resource}");
        }
        for scope in ["mcp:write", "mcp:read mcp:write", "mcp:read admin"] {
            let form = [("grant_type", "refresh_token"), ("refresh_token", &*tokens.refresh), ("scope", scope)];
            let answer = flow.token(&client, &form).await;
            let status = answer.status();
            let body: Value = answer.json().await.unwrap();
            let refused = status == StatusCode::BAD_REQUEST && body["error"] == "invalid_scope";
            assert!(refused || body["scope"] == "mcp:read", "{scope}: {body}");
        }
        assert!(flow.accepts(&tokens.access).await, "a wrong try takes nothing away");
    }
    // Another client has no use for the token.
    let tokens = flow.tokens(&client).await;
    let stranger = flow.client().await;
    assert_eq!(oauth_error(flow.refresh(&stranger, &tokens.refresh).await).await.1, "invalid_grant");
    assert_eq!(flow.refresh(&client, &tokens.refresh).await.status(), StatusCode::OK);
}

/// RFC 9700 §4.2: no page that loads or links anything has a code, a token or the client's `state` in its address, and the
/// address goes to nobody else.
#[tokio::test]
async fn no_page_gives_its_address_or_a_code_away() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&["cursor://anysphere.cursor-mcp/oauth/callback"], false).await;
    let asked = with(&flow, &client, &[("state", "zq-state")]);
    let mut addresses = Vec::new();
    let mut response = flow.authorize(&asked).await;
    for _ in 0..5 {
        if response.status() != StatusCode::SEE_OTHER {
            break;
        }
        let to = location(&response);
        addresses.push(to.clone());
        response = flow.get(&to).await;
    }
    let login = response;
    assert_eq!(login.headers()["referrer-policy"], "same-origin");
    let login = login.text().await.unwrap();
    let entered = flow.log_in(&login).await;
    addresses.push(location(&entered));
    let page = flow.get(&location(&entered)).await;
    assert_eq!(page.headers()["referrer-policy"], "same-origin");
    let html = page.text().await.unwrap();
    let sent = flow.decide(&html, "approve", &BOTH).await;
    assert_eq!(sent.headers()["referrer-policy"], "same-origin");
    assert_eq!(sent.headers()["cache-control"], "no-store");
    let interaction = hidden(&html, "interaction");
    for address in &addresses {
        let known = address.replace(&interaction, "");
        assert!(!known.contains("sp_ac_") && !known.contains("zq-state") && !known.contains("code="), "{address}");
    }
    // The code is in the one link that leads to the client, and in nothing that the page loads.
    let (_, ways, html) = ways_out(sent).await;
    let with_code: Vec<_> = ways.iter().filter(|way| way.contains("sp_ac_")).collect();
    assert!(!with_code.is_empty() && with_code.iter().all(|way| way.starts_with("cursor://")), "{with_code:?}");
    assert!(
        ways.iter()
            .all(|way| way.starts_with("cursor://") || way.starts_with("/static/") || way.starts_with("/t/acme/")),
        "{ways:?}"
    );
    assert!(!html.contains("http-equiv"), "{html}");
}

/// What a client sends as `state` comes back as it was and is nothing else: no markup, no parameter, no header.
#[tokio::test]
async fn state_is_only_carried() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let flow = Flow::new(&app, &tenant);
    let client = flow.client_with(&[WEB], false).await;
    let states = [
        "\"'><script>alert(1)</script>",
        "x&code=sp_ac_forged&iss=https://evil.example",
        "x#fragment",
        "a\r\nset-cookie: a=b",
        "%26code=x %00",
        "\u{202e}\u{1f600}",
    ];
    let mut ended = Vec::new();
    for state in states {
        let mistaken = with(&flow, &client, &[("state", state), ("response_type", "token")]);
        let (status, ways, html) = ways_out(Flow::new(&app, &tenant).authorize(&mistaken).await).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(!html.contains("<script") && !html.contains("'>"), "{html}");
        let link = ways.iter().find(|way| way.starts_with("https://client.example/")).unwrap();
        ended.push((state, link.replace("&#38;", "&").replace("&amp;", "&")));
        let html = flow.consent_page(&with(&flow, &client, &[("state", state), ("prompt", "consent")])).await;
        assert!(!html.contains("<script") && !html.contains("evil.example"), "{html}");
        ended.push((state, location(&flow.decide(&html, "approve", &BOTH).await)));
    }
    for (state, to) in ended {
        assert_eq!(query(&to, "state").as_deref(), Some(state), "{to}");
        assert_eq!(query(&to, "iss").as_deref(), Some(tenant.issuer.as_str()), "{to}");
        assert!(query(&to, "code").is_none_or(|code| code != "sp_ac_forged") && !to.contains('#'), "{to}");
    }
}
