//! What a good token is here.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    Outside,
    issuer::{JWKS, METADATA, Signer, claims_of},
};

#[tokio::test]
async fn a_token_of_a_trusted_issuer_calls_and_the_upstream_sees_only_ours() {
    let outside = Outside::start().await;
    let jwt = outside.token();
    assert_eq!(outside.status(&jwt).await, 200);
    let seen = outside.world.upstream.last();
    let signature = jwt.rsplit('.').next().unwrap();
    assert!(seen.headers.values().all(|value| !value.to_str().unwrap().contains(signature)), "{:?}", seen.headers);
    let claims = claims_of(seen.jwt());
    assert_eq!(claims["iss"], outside.world.tenant.issuer.as_str());
    assert_eq!(claims["scope"], "mcp:read mcp:write");
    let (subject, client) = (claims["sub"].as_str().unwrap(), claims["client_id"].as_str().unwrap());
    assert!(subject.starts_with("issuer:") && subject.ends_with(":user-1"), "{subject}");
    assert!(client.starts_with("o_"), "{client}");
    assert!(!claims.to_string().contains(&outside.issuer.name), "nothing of the issuer: {claims}");
}

#[tokio::test]
async fn what_a_token_is_mapped_to_is_written_down_once_and_told() {
    let outside = Outside::start().await;
    let jwts: Vec<_> = (0..16).map(|n| outside.token_with(&json!({ "jti": n.to_string() }))).collect();
    let statuses = join_all(jwts.iter().map(|jwt| outside.status(jwt))).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(outside.rows().await, (1, 1, 1));
    assert_eq!((outside.issuer.publisher.hits(METADATA), outside.issuer.publisher.hits(JWKS)), (1, 1));
    assert_eq!(outside.count("select count(*) from audit_event where kind = 'client.mapped'").await, 1);
    let body: Value = sqlx::query_scalar("select body from audit_event where kind = 'client.mapped'")
        .fetch_one(&outside.world.app.db.owner)
        .await
        .unwrap();
    assert_eq!(body["issuer"], outside.issuer.name);
    let personal = "select string_agg(value, ' ' order by value) from audit_value where kind = 'personal'";
    let kept: String = sqlx::query_scalar(personal).fetch_one(&outside.world.app.db.owner).await.unwrap();
    assert!(kept.contains("app-1") && kept.contains("user-1"), "{kept}");
    let clear = "select count(*) from audit_event where body::text like '%user-1%' or body::text like '%app-1%'";
    assert_eq!(outside.count(clear).await, 0, "events have commitments only");
    let subjects = "select count(distinct body->>'subject') from audit_event where kind = 'call.intent'
                       and body->>'subject' ~ '^issuer:[^:]+:sha256:[0-9a-f]{64}$'";
    assert_eq!(outside.count(subjects).await, 1, "one commitment for all calls");
    let events = outside.count("select count(*) from audit_event where kind = 'grant.mapped'").await;
    assert_eq!(events, 1, "one permission begins");
    // A token that lives longer is no news; one that allows more is.
    assert_eq!(
        outside.status(&outside.token_with(&json!({ "exp": outside.world.app.clock.unix() + 7200 }))).await,
        200
    );
    assert_eq!(outside.count("select count(*) from audit_event where kind = 'grant.mapped'").await, 1);
    let logged = outside.count("select count(*) from audit_event where body::text like '%j-1%'").await;
    assert_eq!(logged, 0, "nothing of a token is in the log");
}

#[tokio::test]
async fn a_warm_call_needs_neither_the_database_nor_the_issuer() {
    let outside = Outside::start().await;
    let jwt = outside.token();
    assert_eq!(outside.status(&jwt).await, 200);
    outside.world.app.app.store.close().await;
    assert_eq!(outside.status(&jwt).await, 200);
    assert_eq!(outside.issuer.publisher.hits(JWKS), 1);
    // A cold one is nobody's fault but ours.
    let response = outside.call(&outside.token_with(&json!({ "jti": "j-2" }))).await;
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn a_token_ends_when_its_issuer_says_so() {
    let outside = Outside::start().await;
    let jwt = outside.token();
    assert_eq!(outside.status(&jwt).await, 200);
    outside.later(3599);
    assert_eq!(outside.status(&jwt).await, 200);
    let exp = outside.upstream_claims()["exp"].as_i64().unwrap();
    assert_eq!(exp, outside.world.app.clock.unix() + 1, "no JWT of ours outlives it");
    outside.later(1);
    assert_eq!(outside.refused(&jwt).await, "the access token has expired");
}

#[tokio::test]
async fn scopes_are_those_of_the_token_that_the_server_declares() {
    let outside = Outside::start().await;
    let scope = |scope: &str| outside.token_with(&json!({ "scope": scope }));
    let response = outside.call(&scope("mcp:read openid admin")).await;
    assert_eq!(response.status(), 403, "a call of a tool needs mcp:write");
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("insufficient_scope") && challenge.contains("mcp:read mcp:write"), "{challenge}");
    assert_eq!(outside.status(&scope("mcp:write")).await, 200);
    assert_eq!(outside.upstream_claims()["scope"], "mcp:write");
    // What one token may do widens no other.
    assert_eq!(outside.status(&scope("mcp:read openid admin")).await, 403);
    let grants = outside.count("select count(*) from access_grant where scopes = '{mcp:read,mcp:write}'").await;
    assert_eq!(grants, 1);
    assert_eq!(outside.count("select count(*) from audit_event where kind = 'grant.mapped'").await, 2);
}

#[tokio::test]
async fn scopes_subject_and_client_are_read_as_the_settings_say() {
    let settings = json!({
        "scope_claims": ["scp", "roles"], "scope_map": { "Tools.Use": ["mcp:write"], "Tools.All": ["mcp:read", "mcp:write"] },
        "subject_claim": "oid", "client_claims": ["azp"], "clients": ["app-2"], "required_claims": { "tid": "t-1" },
    });
    let outside = Outside::trusting(&settings).await;
    let good = json!({ "scp": "Tools.Use mcp:read", "oid": "o-1", "azp": "app-2", "tid": "t-1", "client_id": null });
    let token = |more: Value| outside.token_with(&super::with(good.clone(), &more));
    assert_eq!(outside.status(&token(json!({}))).await, 200);
    assert_eq!(outside.upstream_claims()["scope"], "mcp:write", "what is not in the map is nothing");
    assert!(outside.upstream_claims()["sub"].as_str().unwrap().ends_with(":o-1"));
    assert_eq!(outside.status(&token(json!({ "scp": null, "roles": ["Tools.All"] }))).await, 200);
    assert_eq!(outside.upstream_claims()["scope"], "mcp:read mcp:write");
    assert_eq!(outside.status(&token(json!({ "scp": "mcp:write" }))).await, 403);
    for (claims, why) in [
        (json!({ "tid": "t-2" }), "claim"),
        (json!({ "tid": null }), "claim"),
        (json!({ "oid": null }), "claim"),
        (json!({ "oid": 7 }), "claim"),
        (json!({ "azp": null }), "claim"),
        (json!({ "azp": "app-3" }), "client"),
        (json!({ "scp": { "Tools.Use": true } }), "claim"),
        (json!({ "scp": ["Tools.Use", 1] }), "claim"),
    ] {
        let told = outside.refused(&token(claims.clone())).await;
        assert!(told.contains(why), "{claims}: {told}");
    }
}

#[tokio::test]
async fn several_issuers_are_told_apart() {
    let (outside, second) = (Outside::start().await, Signer::ed25519("one"));
    let name = outside.issuer.publisher.url("/realms/b");
    let metadata = json!({ "issuer": name, "jwks_uri": outside.issuer.publisher.url("/realms/b/jwks") });
    let page = crate::harness::publisher::Page::Json;
    // Found by the other of the two documents.
    outside.issuer.publisher.put("/.well-known/oauth-authorization-server/realms/b", page(metadata));
    outside.issuer.publisher.put("/realms/b/jwks", page(json!({ "keys": [second.public] })));
    outside.trust(&[outside.settings(&json!({})), json!({ "issuer": name })]).await;
    let claims = super::with(outside.claims(), &json!({ "iss": name }));
    assert_eq!(outside.status(&outside.token()).await, 200);
    let first = outside.upstream_claims()["sub"].clone();
    assert_eq!(outside.status(&outside.issuer.token_by(&second, &json!({}), &claims)).await, 200);
    assert_ne!(outside.upstream_claims()["sub"], first, "the same sub of another issuer is somebody else");
    assert_eq!(outside.rows().await, (2, 2, 2));
    // One's keys are not the other's, whatever they are called.
    outside.refused(&outside.issuer.token_by(&second, &json!({}), &outside.claims())).await;
    outside.refused(&outside.issuer.token(&claims)).await;
}

#[tokio::test]
async fn metadata_names_the_issuers_exactly_when_they_are_trusted() {
    let outside = Outside::start().await;
    let path = format!("/.well-known/oauth-protected-resource/t/acme/mcp/{}", outside.world.server.slug);
    let servers = async || {
        let url = outside.world.app.url(&path);
        let document: Value = outside.world.http.get(url).send().await.unwrap().json().await.unwrap();
        document["authorization_servers"].clone()
    };
    assert_eq!(servers().await, json!([outside.world.tenant.issuer, outside.issuer.name]));
    let jwt = outside.token();
    assert_eq!(outside.status(&jwt).await, 200);
    outside.trust(&[]).await;
    assert_eq!(servers().await, json!([outside.world.tenant.issuer]));
    assert_eq!(outside.refused(&jwt).await, "the token is of no issuer that this server trusts");
}

#[tokio::test]
async fn a_recent_login_is_the_issuers_word() {
    let outside = Outside::start().await;
    outside.world.change("update server_scope set max_auth_age = 300 where name = 'mcp:write'").await;
    outside.trust(&[outside.settings(&json!({}))]).await;
    let now = outside.world.app.clock.unix();
    for (auth_time, status) in [(json!(now - 60), 200), (json!(now - 600), 401), (Value::Null, 401)] {
        let jwt = outside.token_with(&json!({ "auth_time": auth_time }));
        assert_eq!(outside.status(&jwt).await, status, "{auth_time}");
    }
}
