//! Software statements (RFC 7591 §2.3).

use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use sallyport::clients::metadata::DEVICE_CODE;
use serde_json::{Value, json};

use super::{Answer, events, register, registered, settings};
use crate::harness::{
    app::{TestApp, TestTenant},
    flow::{Flow, TestClient},
};

const ISSUER: &str = "https://vendor.example";
const RETURN: &str = "https://app.vendor.example/callback";

/// Somebody who signs statements.
struct Vendor(EncodingKey);

impl Vendor {
    fn new() -> Self {
        Self(EncodingKey::from_ed_der(Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap().as_ref()))
    }

    fn trusted(&self) -> Value {
        let key = serde_json::to_value(Jwk::from_encoding_key(&self.0, Algorithm::EdDSA).unwrap()).unwrap();
        json!([{ "issuer": ISSUER, "jwks": { "keys": [key] } }])
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(&Header::new(Algorithm::EdDSA), claims)
    }

    fn sign_as(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.0).unwrap()
    }
}

fn claims(app: &TestApp) -> Value {
    json!({
        "iss": ISSUER,
        "iat": app.clock.unix(),
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "client_name": "Vendor's App",
        "client_uri": "https://vendor.example/app",
        "redirect_uris": [RETURN],
        "token_endpoint_auth_method": "none",
    })
}

fn asked(statement: &str) -> Value {
    json!({
        "client_name": "My own name",
        "client_uri": "https://evil.example/",
        "logo_uri": "https://evil.example/logo.png",
        "redirect_uris": ["https://evil.example/cb"],
        "contacts": ["ada@example.com"],
        "software_statement": statement,
    })
}

async fn strict(rule: &str) -> (TestApp, TestTenant, Vendor) {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let vendor = Vendor::new();
    let of_tenant = json!({ "registration": rule, "software_statements": vendor.trusted() });
    settings(&app, &tenant, of_tenant).await;
    (app, tenant, vendor)
}

#[tokio::test]
async fn the_statement_speaks_before_the_client_and_comes_back_as_it_was() {
    let (app, tenant, vendor) = strict("software_statement").await;
    let statement = vendor.sign(&claims(&app));
    let answer = registered(&app, &tenant, &asked(&statement)).await;
    assert_eq!(answer.text("software_statement"), statement);
    assert_eq!(answer.text("client_name"), "Vendor's App");
    assert_eq!(answer.body["redirect_uris"], json!([RETURN]));
    assert_eq!(answer.text("client_uri"), "https://vendor.example/app");
    assert_eq!(answer.text("token_endpoint_auth_method"), "none");
    assert_eq!(answer.text("software_id"), "4NRB1-0XZABZI9E6-5SM3R");
    assert_eq!(answer.body.get("logo_uri"), None, "what people are shown comes from the statement");
    assert_eq!(answer.body["contacts"], json!(["ada@example.com"]), "the rest is the client's");
    assert_eq!(events(&app, &tenant, "client.registered").await[0]["vouched_by"], ISSUER);

    let read = app.http().get(answer.text("registration_client_uri"));
    let read = Answer::of(read.bearer_auth(answer.text("registration_access_token"))).await;
    assert_eq!(read.text("software_statement"), statement);
}

#[tokio::test]
async fn without_a_good_statement_nobody_registers() {
    let (app, tenant, vendor) = strict("software_statement").await;
    let now = app.clock.unix();
    let with = |name: &str, value: Value| {
        let mut claims = claims(&app);
        claims[name] = value;
        vendor.sign(&claims)
    };
    let header = |change: &dyn Fn(&mut Header)| {
        let mut header = Header::new(Algorithm::EdDSA);
        change(&mut header);
        vendor.sign_as(&header, &claims(&app))
    };
    let good = vendor.sign(&claims(&app));
    let payload = good.split('.').nth(1).unwrap();
    let none = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#));
    let symmetric =
        encode(&Header::new(Algorithm::HS256), &claims(&app), &EncodingKey::from_secret(b"secret")).unwrap();
    let forged = Vendor::new().sign(&claims(&app));
    let invalid = [
        "nonsense".to_owned(),
        "a.b.c".to_owned(),
        none,
        symmetric,
        forged,
        format!("{good}x"),
        header(&|header| header.typ = Some("at+jwt".to_owned())),
        header(&|header| header.crit = Some(vec!["exp".to_owned()])),
        header(&|header| header.kid = Some("another".to_owned())),
        with("exp", json!(now - 61)),
        with("exp", json!("tomorrow")),
        with("nbf", json!(now + 61)),
        with("iat", json!(now + 61)),
        with("aud", json!("https://elsewhere.example/t/acme")),
        with("aud", json!([])),
        with("software_id", Value::Null),
        with("software_id", json!(" ")),
        with("client_name", Value::Null),
        with("redirect_uris", json!([])),
        with("redirect_uris", Value::Null),
        format!("{good}{}", "A".repeat(17 * 1024)),
    ];
    for statement in &invalid {
        let answer = register(&app, &tenant, &asked(statement)).await;
        let (status, error) = answer.error();
        let short: String = statement.chars().take(60).collect();
        let expected =
            if statement.len() > 16 * 1024 { "invalid_client_metadata" } else { "invalid_software_statement" };
        assert_eq!((status, error), (400, expected), "{short}: {}", answer.body);
    }
    let stranger = with("iss", json!("https://stranger.example"));
    assert_eq!(register(&app, &tenant, &asked(&stranger)).await.error(), (400, "unapproved_software_statement"));
    let mut bare = asked("");
    assert_eq!(register(&app, &tenant, &bare).await.error(), (400, "invalid_software_statement"));
    bare["software_statement"] = json!(7);
    assert_eq!(register(&app, &tenant, &bare).await.error(), (400, "invalid_client_metadata"));
    // What it says must be acceptable, too.
    let bad_uri = with("redirect_uris", json!(["http://vendor.example/cb"]));
    assert_eq!(register(&app, &tenant, &asked(&bad_uri)).await.error(), (400, "invalid_redirect_uri"));
    assert!(events(&app, &tenant, "client.registered").await.is_empty());

    for statement in [
        with("exp", json!(now - 59)),
        with("aud", json!(tenant.issuer)),
        with("aud", json!(["https://elsewhere.example", tenant.issuer])),
        header(&|header| header.typ = None),
        header(&|header| header.typ = Some("software-statement+jwt".to_owned())),
    ] {
        registered(&app, &tenant, &asked(&statement)).await;
    }
}

#[tokio::test]
async fn another_tenants_trust_is_worth_nothing() {
    let (app, tenant, vendor) = strict("software_statement").await;
    let other = app.tenant("other").await;
    let of_other = json!({ "registration": "software_statement", "software_statements": Vendor::new().trusted() });
    settings(&app, &other, of_other).await;
    let statement = vendor.sign(&claims(&app));
    registered(&app, &tenant, &asked(&statement)).await;
    assert_eq!(register(&app, &other, &asked(&statement)).await.error(), (400, "invalid_software_statement"));
}

#[tokio::test]
async fn an_open_tenant_shows_people_who_vouches_for_as_long_as_it_trusts_them() {
    let (app, tenant, vendor) = strict("open").await;
    let answer = registered(&app, &tenant, &asked(&vendor.sign(&claims(&app)))).await;
    let client = TestClient { id: answer.text("client_id").to_owned(), secret: None, redirect_uri: RETURN.to_owned() };
    let page = async || {
        let flow = Flow::new(&app, &tenant);
        flow.consent_page(&flow.parameters(&client)).await
    };
    let html = page().await;
    assert!(html.contains("vouches for this name") && html.contains("https://vendor.example"), "{html}");
    assert!(html.contains("Vouched for") && !html.contains("Nobody has checked it"), "{html}");

    let another = json!({ "registration": "open", "software_statements": Vendor::new().trusted() });
    for of_tenant in [another, json!({ "registration": "open" })] {
        settings(&app, &tenant, of_tenant).await;
        let html = page().await;
        assert!(html.contains("Nobody has checked it") && !html.contains("vouches"), "{html}");
    }
}

#[tokio::test]
async fn an_open_tenant_overlooks_whom_it_does_not_know_and_refuses_who_lies() {
    let (app, tenant, vendor) = strict("open").await;
    let mut stranger = claims(&app);
    stranger["iss"] = json!("https://stranger.example");
    let answer = registered(&app, &tenant, &asked(&vendor.sign(&stranger))).await;
    assert_eq!(answer.body.get("software_statement"), None);
    assert_eq!(answer.text("client_name"), "My own name");
    let forged = Vendor::new().sign(&claims(&app));
    assert_eq!(register(&app, &tenant, &asked(&forged)).await.error(), (400, "invalid_software_statement"));
    settings(&app, &tenant, json!({})).await;
    assert_eq!(registered(&app, &tenant, &asked("nonsense")).await.body.get("software_statement"), None);
}

#[tokio::test]
async fn a_replacement_needs_the_statement_as_well() {
    let (app, tenant, vendor) = strict("software_statement").await;
    let statement = vendor.sign(&claims(&app));
    let client = registered(&app, &tenant, &asked(&statement)).await;
    let replace = async |statement: Option<&str>| {
        let mut body = asked(statement.unwrap_or_default());
        body["client_id"] = client.body["client_id"].clone();
        let put = app.http().put(client.text("registration_client_uri")).json(&body);
        Answer::of(put.bearer_auth(client.text("registration_access_token"))).await
    };
    assert_eq!(replace(None).await.error(), (400, "invalid_software_statement"));
    let kept = replace(Some(&statement)).await;
    assert_eq!((kept.status.as_u16(), kept.text("client_name")), (200, "Vendor's App"));
    // Where it is not asked for, who leaves it out is vouched for no longer.
    let of_tenant = json!({ "registration": "open", "software_statements": vendor.trusted() });
    settings(&app, &tenant, of_tenant).await;
    // Events of one moment come in any order.
    app.clock.advance(Duration::from_secs(1));
    let dropped = replace(None).await;
    assert_eq!((dropped.status.as_u16(), dropped.body.get("software_statement")), (200, None));
    let voided: Vec<bool> = events(&app, &tenant, "client.changed")
        .await
        .iter()
        .map(|event| event["consents_voided"].as_bool().unwrap())
        .collect();
    assert_eq!(voided, [false, true]);
}

#[tokio::test]
async fn whoever_copied_a_statement_does_not_get_its_answers_at_a_device() {
    let (app, tenant, vendor) = strict("software_statement").await;
    let of_tenant = json!({
        "registration": "software_statement", "software_statements": vendor.trusted(), "device_flow": true,
    });
    settings(&app, &tenant, of_tenant).await;
    let mut body = asked(&vendor.sign(&claims(&app)));
    body["grant_types"] = json!(["authorization_code", DEVICE_CODE]);
    assert_eq!(registered(&app, &tenant, &body).await.body["grant_types"], json!(["authorization_code"]));
    body["grant_types"] = json!([DEVICE_CODE]);
    assert_eq!(register(&app, &tenant, &body).await.error(), (400, "invalid_client_metadata"));
    let mut said = claims(&app);
    said["grant_types"] = json!([DEVICE_CODE]);
    let answer = registered(&app, &tenant, &asked(&vendor.sign(&said))).await;
    assert_eq!(answer.body["grant_types"], json!([DEVICE_CODE]), "the vendor says so itself");
}
