use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use proptest::prelude::*;

use super::{basic::Basic, *};

fn header(value: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
}

fn basic(pair: &str) -> HeaderMap {
    header(&format!("Basic {}", STANDARD.encode(pair)))
}

/// What was read, or the error on the wire.
fn read(headers: &HeaderMap, body: &str) -> Result<(String, Option<String>), (u16, &'static str)> {
    let form = Form::query(Some(body)).unwrap_or_else(|error| panic!("{error}"));
    match Presented::read(headers, &form) {
        Ok(presented) => {
            let secret = match &presented.proof {
                Proof::Secret(secret) => Some(secret.to_string()),
                Proof::None | Proof::Assertion(_) => None,
            };
            Ok((presented.client_id().to_owned(), secret))
        }
        Err(error) => {
            let error = OauthError::from(error);
            Err((error.status().as_u16(), error.code()))
        }
    }
}

fn named(id: &str, secret: Option<&str>) -> Result<(String, Option<String>), (u16, &'static str)> {
    Ok((id.to_owned(), secret.map(str::to_owned)))
}

const INVALID_REQUEST: Result<(String, Option<String>), (u16, &str)> = Err((400, "invalid_request"));
const INVALID_CLIENT: Result<(String, Option<String>), (u16, &str)> = Err((401, "invalid_client"));

#[test]
fn each_method_is_read() {
    assert_eq!(read(&HeaderMap::new(), "client_id=a"), named("a", None));
    assert_eq!(read(&HeaderMap::new(), "client_id=a&client_secret=s"), named("a", Some("s")));
    assert_eq!(read(&HeaderMap::new(), "client_id=a&client_secret="), named("a", None));
    assert_eq!(read(&basic("a:s"), ""), named("a", Some("s")));
    assert_eq!(read(&basic("a:"), ""), named("a", None));
    assert_eq!(read(&basic("a:s:t"), ""), named("a", Some("s:t")));
    assert_eq!(read(&basic("a%3Ab:s%25+%2B"), ""), named("a:b", Some("s% +")));
    assert_eq!(read(&header(&format!("bASIC  {}", STANDARD.encode("a:s"))), ""), named("a", Some("s")));
}

#[test]
fn a_client_id_in_the_body_must_agree_with_the_header() {
    assert_eq!(read(&basic("a:s"), "client_id=a"), named("a", Some("s")));
    assert_eq!(read(&basic("a:s"), "client_id=b"), INVALID_REQUEST);
}

#[test]
fn two_methods_at_once_are_refused() {
    assert_eq!(read(&basic("a:s"), "client_secret=s"), INVALID_REQUEST);
    assert_eq!(read(&basic("a:s"), "client_assertion=x"), INVALID_REQUEST);
    assert_eq!(read(&HeaderMap::new(), "client_id=a&client_secret=s&client_assertion=x"), INVALID_REQUEST);
    let mut twice = basic("a:s");
    twice.append(AUTHORIZATION, HeaderValue::from_static("Basic YTpz"));
    assert_eq!(read(&twice, ""), INVALID_REQUEST);
}

#[test]
fn what_is_missing_or_repeated_is_an_invalid_request() {
    assert_eq!(read(&HeaderMap::new(), ""), INVALID_REQUEST);
    assert_eq!(read(&HeaderMap::new(), "client_secret=s"), INVALID_REQUEST);
    assert_eq!(read(&HeaderMap::new(), "client_id=a&client_id=a"), INVALID_REQUEST);
    assert_eq!(read(&HeaderMap::new(), "client_id=a&client_secret=s&client_secret=s"), INVALID_REQUEST);
}

#[test]
fn what_cannot_be_a_header_of_ours_is_an_invalid_client() {
    for value in [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YTpz YTpz",
        "Basic YQ",
        "Bearer sp_at_x",
        "DPoP x",
        &format!("Basic {}", STANDARD.encode("no colon")),
        &format!("Basic {}", STANDARD.encode(":s")),
        &format!("Basic {}", STANDARD.encode("a:%")),
        &format!("Basic {}", STANDARD.encode("a:%0a")),
        &format!("Basic {}", STANDARD.encode("a\n:s")),
        &format!("Basic {}", STANDARD.encode([b'a', b':', 0xff])),
    ] {
        assert_eq!(read(&header(value), ""), INVALID_CLIENT, "{value}");
    }
    let raw = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_bytes(b"Basic \xff").unwrap())]);
    assert_eq!(read(&raw, ""), INVALID_CLIENT);
    assert_eq!(read(&HeaderMap::new(), "client_id=a&client_assertion=x"), INVALID_REQUEST);
    let kind = "urn:ietf:params:oauth:client-assertion-type:";
    let typed = |kind: &str| read(&HeaderMap::new(), &format!("client_assertion=x&client_assertion_type={kind}"));
    assert_eq!(typed(&format!("{kind}saml2-bearer")), INVALID_CLIENT);
    assert_eq!(typed(&format!("{kind}jwt-bearer")), INVALID_CLIENT);
}

#[test]
fn a_refusal_carries_a_challenge_and_a_fault_does_not_look_like_one() {
    use axum::response::IntoResponse;
    let refused = OauthError::from(ClientAuthError::Client("x")).into_response();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    let fault = OauthError::from(ClientAuthError::Fault(StoreError::corrupt("x")));
    assert_eq!((fault.status().as_u16(), fault.code()), (503, "temporarily_unavailable"));
}

proptest! {
    #[test]
    fn what_a_client_encodes_is_read_back(id in "[^\\p{Cc}]{1,20}", secret in "[^\\p{Cc}]{0,20}") {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let value = format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(&id), encode(&secret))));
        let basic = Basic::parse(value.as_bytes()).unwrap_or_else(|_| panic!("{value}"));
        prop_assert_eq!((basic.client_id.as_str(), basic.secret.as_str()), (id.as_str(), secret.as_str()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..80), pair in any::<Vec<u8>>()) {
        let _ = Basic::parse(&value);
        let _ = Basic::parse(format!("Basic {}", STANDARD.encode(pair)).as_bytes());
    }
}
