use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(body: &Value) -> Result<Metadata, InvalidMetadata> {
    Metadata::read(&Members::parse(body.to_string().as_bytes())?, &CustomSchemes::default())
}

/// A good request with one member set to something else.
fn with(member: &str, value: Value) -> Result<Metadata, InvalidMetadata> {
    let mut body = json!({ "redirect_uris": ["https://a.example/cb"], "client_name": "A" });
    body[member] = value;
    read(&body)
}

fn wire(error: InvalidMetadata) -> (&'static str, String) {
    let error = OauthError::from(error);
    assert_eq!(error.status(), 400);
    (error.code(), error.description().to_owned())
}

#[test]
fn cursor_registers_three_kinds_of_redirect_uri_at_once() {
    let uris = json!([
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        "http://localhost:8787/callback"
    ]);
    let metadata = read(&json!({
        "client_name": "Cursor",
        "redirect_uris": uris,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native"
    }))
    .unwrap();
    let echoed = serde_json::to_value(&metadata).unwrap();
    assert_eq!(echoed["redirect_uris"], uris);
    assert_eq!(echoed["application_type"], "native");
    assert_eq!(echoed["token_endpoint_auth_method"], "none");
}

#[test]
fn grants_that_are_not_offered_are_left_out() {
    let asked =
        json!(["authorization_code", "implicit", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]);
    let metadata = with("grant_types", asked).unwrap();
    assert_eq!(metadata.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode]);
    let metadata = with("response_types", json!(["code", "id_token"])).unwrap();
    assert_eq!(metadata.response_types, [ResponseType::Code]);
}

#[test]
fn defaults_are_chosen_and_said() {
    let metadata = read(&json!({ "redirect_uris": ["http://127.0.0.1/cb"] })).unwrap();
    assert_eq!(
        serde_json::to_value(&metadata).unwrap(),
        json!({
            "redirect_uris": ["http://127.0.0.1/cb"],
            "token_endpoint_auth_method": "client_secret_basic",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
        })
    );
}

#[test]
fn null_and_empty_members_count_as_absent_and_unknown_ones_are_ignored() {
    let metadata = read(&json!({
        "redirect_uris": ["https://a.example/cb", null, "", "https://a.example/cb"],
        "client_name": "  ",
        "client_uri": "",
        "logo_uri": null,
        "contacts": [],
        "grant_types": [],
        "response_types": null,
        "scope": "",
        "jwks": {},
        "jwks_uri": "",
        "application_type": null,
        "software_statement": "x.y.z",
        "client_name#fr": "é",
        "made_up": { "deep": [1, 2] }
    }))
    .unwrap();
    let expected = read(&json!({ "redirect_uris": ["https://a.example/cb"] })).unwrap();
    assert_eq!(metadata, expected);
}

#[test]
fn an_unacceptable_redirect_uri_is_named() {
    for (uris, named) in [
        (json!(["https://a.example/cb", "http://evil.example/cb"]), "http://evil.example/cb"),
        (json!(["javascript:/alert"]), "javascript:/alert"),
        (json!([" https://a.example/cb"]), "a.example"),
        (json!([format!("https://a.example/{}", "x".repeat(5000))]), "2048"),
        (json!([]), "between 1 and 32"),
        (Value::Null, "between 1 and 32"),
        (json!(vec!["https://a.example/cb"; MAX_ITEMS + 1]), "between 1 and 32"),
    ] {
        let (code, description) = wire(with("redirect_uris", uris).unwrap_err());
        assert_eq!(code, "invalid_redirect_uri");
        assert!(description.contains(named), "{description}");
    }
}

#[test]
fn any_other_unacceptable_member_is_named() {
    for (member, value) in [
        ("redirect_uris", json!("https://a.example/cb")),
        ("redirect_uris", json!([1])),
        ("client_name", json!(1)),
        ("client_name", json!("x".repeat(MAX_NAME + 1))),
        ("client_name", json!("a\u{0}b")),
        ("client_name", json!("a\nb")),
        ("client_uri", json!("javascript:alert(1)")),
        ("logo_uri", json!("data:image/png;base64,AA")),
        ("logo_uri", json!("https://user:pw@a.example/")),
        ("tos_uri", json!("a.example")),
        ("policy_uri", json!(format!("https://a.example/{}", "x".repeat(2048)))),
        ("contacts", json!("a@b.example")),
        ("contacts", json!(vec!["a@b.example"; MAX_ITEMS + 1])),
        ("contacts", json!(["x".repeat(MAX_TEXT + 1)])),
        ("grant_types", json!(["client_credentials"])),
        ("grant_types", json!(["refresh_token"])),
        ("response_types", json!(["token"])),
        ("token_endpoint_auth_method", json!("tls_client_auth")),
        ("token_endpoint_auth_method", json!(["none"])),
        ("scope", json!(["mcp:read"])),
        ("scope", json!("a\"b")),
        ("scope", json!("x ".repeat(3000))),
        ("application_type", json!("mainframe")),
        ("software_id", json!({})),
        ("software_version", json!("x".repeat(MAX_TEXT + 1))),
    ] {
        let (code, description) = wire(with(member, value.clone()).unwrap_err());
        assert_eq!(code, "invalid_client_metadata", "{member} {value}");
        assert!(description.contains(member), "{description}");
    }
}

#[test]
fn a_body_that_parsers_could_read_differently_is_refused() {
    let good = r#""redirect_uris":["https://a.example/cb"]"#;
    let deep = format!("{{{good},\"x\":{}{}}}", "[".repeat(20), "]".repeat(20));
    for body in [
        "",
        "[]",
        "null",
        "\"x\"",
        "{",
        &format!("{{{good}}} x"),
        &format!("{{{good},{good}}}"),
        &format!("{{{good},\"redirect\\u005furis\":[]}}"),
        &format!("{{{good},\"x\":{{\"a\":1,\"a\":2}}}}"),
        &deep,
    ] {
        let error = Members::parse(body.as_bytes()).err().unwrap_or_else(|| panic!("{body}"));
        assert_eq!(wire(error).0, "invalid_client_metadata");
    }
    assert!(Members::parse(b"{\"a\":\"\xff\"}").is_err());
}

#[test]
fn unknown_scopes_are_dropped() {
    let known = BTreeSet::from(["mcp:read".to_owned(), "mcp:write".to_owned()]);
    for (asked, kept) in [
        (json!("mcp:read  offline_access mcp:read mcp:write"), Some("mcp:read mcp:write")),
        (json!("offline_access"), None),
        (Value::Null, None),
    ] {
        let mut metadata = with("scope", asked).unwrap();
        metadata.keep_scopes(&known);
        assert_eq!(metadata.scope.as_deref(), kept);
    }
}

#[test]
fn the_digest_covers_what_a_consent_rests_on_and_nothing_else() {
    let base = with("client_uri", json!("https://a.example/")).unwrap();
    let digest = |member: &str, value: Value| {
        let mut body = serde_json::to_value(&base).unwrap();
        body[member] = value;
        read(&body).unwrap().display_digest()
    };
    let same = base.display_digest();
    assert_eq!(digest("contacts", json!(["x@a.example"])), same);
    assert_eq!(digest("scope", json!("mcp:read")), same);
    assert_eq!(digest("software_version", json!("2")), same);
    for (member, value) in [
        ("client_name", json!("B")),
        ("client_uri", json!("https://b.example/")),
        ("logo_uri", json!("https://a.example/logo.png")),
        ("token_endpoint_auth_method", json!("none")),
        ("redirect_uris", json!(["https://a.example/other"])),
        ("redirect_uris", json!(["https://a.example/cb", "https://a.example/other"])),
    ] {
        assert_ne!(digest(member, value), same, "{member}");
    }
    let two = json!(["https://a.example/cb", "https://a.example/other"]);
    let turned = json!(["https://a.example/other", "https://a.example/cb"]);
    assert_eq!(digest("redirect_uris", two), digest("redirect_uris", turned));
}

proptest! {
    #[test]
    fn what_is_registered_reads_back_as_it_is(
        name in prop::option::of("[^\\p{Cc}\\s]{1,40}"),
        method in prop::sample::select(vec!["none", "client_secret_basic", "client_secret_post"]),
        path in "[a-z0-9/]{0,20}",
        version in prop::option::of("[0-9.]{1,8}"),
    ) {
        let metadata = read(&json!({
            "redirect_uris": [format!("https://a.example/{path}")],
            "client_name": name,
            "token_endpoint_auth_method": method,
            "software_version": version,
        })).unwrap();
        let echoed = serde_json::to_value(&metadata).unwrap();
        prop_assert!(echoed.as_object().unwrap().values().all(|value| !value.is_null()));
        prop_assert_eq!(&serde_json::from_value::<Metadata>(echoed.clone()).unwrap(), &metadata);
        prop_assert_eq!(&read(&echoed).unwrap(), &metadata);
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Members::parse(&body);
    }
}
