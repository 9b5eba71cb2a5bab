//! Every route with its guard. A new one changes this list, so somebody has to look at who may come through it.

use sallyport::app::routes;

use crate::harness::app::TestApp;

const ROUTES: &str = include_str!("routes.txt");

#[test]
fn every_route_has_the_guard_that_somebody_chose() {
    let mut routes: Vec<String> =
        routes::public().iter().map(|route| format!("{} {} {:?}", route.method, route.path, route.guard)).collect();
    routes.sort();
    assert_eq!(routes.join("\n"), ROUTES.trim_end());
}

/// Clients try several addresses and give up on a 5xx: whatever is not there is 404. 2025-03-26 clients fall back on
/// endpoints at the root, which must not exist either.
#[tokio::test]
async fn what_is_not_there_is_404() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let http = app.browser();
    for path in [
        "/",
        "/authorize",
        "/token",
        "/register",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-authorization-server/t/nobody",
        "/.well-known/oauth-authorization-server/t/ACME",
        "/.well-known/oauth-protected-resource/t/acme/mcp/nothing",
        "/.well-known/oauth-protected-resource/t/nobody/mcp/demo",
        "/t/acme/mcp/demo/",
        "/t/acme/",
        "/static/other.css",
    ] {
        assert_eq!(http.get(app.url(path)).send().await.unwrap().status(), 404, "{path}");
    }
    assert_eq!(http.get(&tenant.server.resource).send().await.unwrap().status(), 401);
}

/// People shorten addresses and mistype them; their browsers ask for pages.
#[tokio::test]
async fn people_get_a_page_where_nothing_is() {
    let app = TestApp::start().await;
    app.tenant("acme").await;
    let http = app.browser();
    let look = |path: &str| http.get(app.url(path)).header("accept", "text/html,application/xhtml+xml;q=0.9").send();
    for path in ["/", "/nothing", "/t", "/t/acme/nothing", "/console/", "/t/acme/mcp/demo/"] {
        let answer = look(path).await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
        assert!(answer.text().await.unwrap().contains("This address leads nowhere"), "{path}");
    }
    for (path, page) in
        [("/t/acme", "/t/acme/account"), ("/t/nobody/", "/t/nobody/account"), ("/console/t/acme/", "/console/t/acme")]
    {
        let answer = look(path).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (303, page));
    }
}

/// A client that is told of an endpoint uses it.
#[tokio::test]
async fn what_the_metadata_names_is_there() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let metadata = app.url("/.well-known/oauth-authorization-server/t/acme");
    let document: serde_json::Map<String, serde_json::Value> =
        app.http().get(metadata).send().await.unwrap().json().await.unwrap();
    let mut endpoints = 0;
    for (name, address) in document.iter().filter(|(name, _)| name.ends_with("_endpoint") || name.ends_with("_uri")) {
        let address = address.as_str().unwrap();
        assert!(address.starts_with(&format!("{}/", tenant.issuer)), "{name}: {address}");
        let mut found = Vec::new();
        for method in [reqwest::Method::GET, reqwest::Method::POST] {
            found.push(app.http().request(method, address).send().await.unwrap().status().as_u16());
        }
        assert!(found.iter().any(|status| ![404, 405].contains(status)), "{name}: {found:?}");
        assert!(found.iter().all(|status| *status < 500), "{name}: {found:?}");
        endpoints += 1;
    }
    assert_eq!(endpoints, 6);
}

/// RFC 8414 and RFC 9728: the same body at all four spellings; nothing that is not on; nothing null or empty.
#[tokio::test]
async fn discovery_says_what_is_on() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let http = app.browser();
    let mut bodies = Vec::new();
    for path in [
        "/.well-known/oauth-authorization-server/t/acme",
        "/.well-known/openid-configuration/t/acme",
        "/t/acme/.well-known/openid-configuration",
        "/t/acme/.well-known/oauth-authorization-server",
    ] {
        let preflight = http
            .request(reqwest::Method::OPTIONS, app.url(path))
            .header("origin", "https://page.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "mcp-protocol-version")
            .send()
            .await
            .unwrap();
        assert_eq!(preflight.headers()["access-control-allow-origin"], "*", "{path}");
        let allowed = preflight.headers()["access-control-allow-headers"].to_str().unwrap().to_lowercase();
        assert!(allowed.contains("mcp-protocol-version") && allowed.contains("authorization"), "{allowed}");
        let response = http.get(app.url(path)).header("origin", "https://page.example").send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        bodies.push(response.text().await.unwrap());
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    let document: serde_json::Value = serde_json::from_str(&bodies[0]).unwrap();
    let issuer = &tenant.issuer;
    let expected = serde_json::json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "device_authorization_endpoint": format!("{issuer}/device_authorization"),
        "registration_endpoint": format!("{issuer}/register"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "jwks_uri": format!("{issuer}/jwks.json"),
        "scopes_supported": ["mcp:read", "mcp:write"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"
        ],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt", "client_secret_basic", "client_secret_post"],
        "token_endpoint_auth_signing_alg_values_supported": ["Ed25519", "EdDSA", "ES256", "PS256", "RS256"],
        "revocation_endpoint_auth_methods_supported": ["none", "private_key_jwt", "client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_signing_alg_values_supported": ["Ed25519", "EdDSA", "ES256", "PS256", "RS256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
        "acr_values_supported": ["urn:sallyport:acr:password"],
    });
    assert_eq!(document, expected);

    let resource: serde_json::Value = http
        .get(app.url("/.well-known/oauth-protected-resource/t/acme/mcp/demo"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let expected = serde_json::json!({
        "resource": tenant.server.resource,
        "authorization_servers": [issuer],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["mcp:read", "mcp:write"],
        "resource_name": "Server demo",
    });
    assert_eq!(resource, expected);
}
