//! Tokens that do not say by their type that they are access tokens.

use serde_json::{Value, json};

use super::Outside;

const ANOTHER_KIND: &str = "the token is not an access token for a bearer, by its type or its claims";

fn typed(outside: &Outside, typ: &Value, claims: &Value) -> String {
    let header = json!({ "typ": typ });
    outside.issuer.token_by(&outside.issuer.signer, &header, &super::with(outside.claims(), claims))
}

#[tokio::test]
async fn only_at_jwt_is_an_access_token_unless_an_administrator_says_otherwise() {
    let outside = Outside::start().await;
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/at+jwt"] {
        assert_eq!(outside.status(&typed(&outside, &json!(typ), &json!({}))).await, 200, "{typ}");
    }
    for typ in [json!("JWT"), Value::Null, json!("at+jwt2"), json!("logout+jwt"), json!("dpop+jwt"), json!("")] {
        assert_eq!(outside.refused(&typed(&outside, &typ, &json!({}))).await, ANOTHER_KIND, "{typ}");
    }
}

#[tokio::test]
async fn what_looks_like_an_id_token_is_never_an_access_token() {
    let outside = Outside::trusting(&json!({ "allow_plain_jwt": true, "audiences": ["api-1"] })).await;
    let token = |claims: &Value| {
        let mut all = json!({ "aud": "api-1" });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        typed(&outside, &json!("JWT"), &all)
    };
    for good in [
        json!({}),
        json!({ "token_use": "access" }),
        json!({ "typ": "Bearer" }),
        json!({ "aud": ["api-1", "userinfo"] }),
    ] {
        assert_eq!(outside.status(&token(&good)).await, 200, "{good}");
    }
    assert_eq!(outside.status(&typed(&outside, &Value::Null, &json!({ "aud": "api-1" }))).await, 200);
    for bad in [
        json!({ "nonce": "n" }),
        json!({ "at_hash": "h" }),
        json!({ "c_hash": "h" }),
        json!({ "events": {} }),
        json!({ "token_use": "id" }),
        json!({ "typ": "ID" }),
        json!({ "typ": "Refresh" }),
        // An ID token is for the client itself, and says nothing of scopes.
        json!({ "client_id": "api-1" }),
        json!({ "client_id": null, "azp": "api-1" }),
        json!({ "scope": null }),
    ] {
        assert_eq!(outside.refused(&token(&bad)).await, ANOTHER_KIND, "{bad}");
    }
    assert!(outside.refused(&token(&json!({ "client_id": null }))).await.contains("claim"));
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_is_no_bearer_token() {
    let outside = Outside::start().await;
    let bound = json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } });
    assert_eq!(outside.refused(&outside.token_with(&bound)).await, ANOTHER_KIND);
}
