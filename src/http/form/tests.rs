use axum::{body::Body, extract::FromRequest};
use http::{HeaderMap, HeaderValue, Request, header::CONTENT_TYPE};
use proptest::prelude::*;

use super::*;

fn form(body: &str) -> Result<Form, FormError> {
    Form::query(Some(body))
}

fn typed(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))])
}

#[test]
fn values_are_decoded() {
    let form = form("a=1+2&b=%C3%A9%2B&c=x=y").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(form.one("a"), Ok(Some("1 2")));
    assert_eq!(form.one("b"), Ok(Some("é+")));
    assert_eq!(form.one("c"), Ok(Some("x=y")));
    assert_eq!(form.one("d"), Ok(None));
}

#[test]
fn a_repeated_parameter_is_an_error_when_it_is_read() {
    let form = form("resource=a&resource=b&state=1").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(form.one("state"), Ok(Some("1")));
    assert_eq!(form.one("resource"), Err(Repeated("resource")));
    assert_eq!(form.all("resource").collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn an_empty_value_is_absent() {
    let form = form("scope=&flag&scope=x&&=").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(form.one("scope"), Ok(Some("x")));
    assert_eq!(form.one("flag"), Ok(None));
}

#[test]
fn broken_encodings_are_refused() {
    for body in ["a=%", "a=%2", "a=%zz", "a=%ff", "a=%00", "a=é", "a=\n", "%=1", "a=%C3", "a=%+1"] {
        assert_eq!(form(body).err(), Some(FormError::Encoding), "{body:?}");
    }
}

#[test]
fn sizes_are_bounded() {
    assert_eq!(form(&"a".repeat(MAX_BYTES + 1)).err(), Some(FormError::TooLarge));
    assert!(form(&"a&".repeat(MAX_PARAMETERS)).is_ok());
    assert_eq!(form(&"a&".repeat(MAX_PARAMETERS + 1)).err(), Some(FormError::TooMany));
}

#[test]
fn only_forms_are_forms() {
    for good in ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded ; charset=UTF-8"] {
        assert!(Form::parse(&typed(good), b"a=1").is_ok(), "{good}");
    }
    for bad in ["application/json", "", ";", "application/x-www-form-urlencoded2", "multipart/form-data; boundary=x"] {
        assert_eq!(Form::parse(&typed(bad), b"a=1").err(), Some(FormError::ContentType), "{bad}");
    }
    assert_eq!(Form::parse(&HeaderMap::new(), b"a=1").err(), Some(FormError::ContentType));
    let mut twice = typed("application/x-www-form-urlencoded");
    twice.append(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    assert_eq!(Form::parse(&twice, b"a=1").err(), Some(FormError::ContentType));
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let request = |size: usize| {
        let mut request = Request::new(Body::from("a".repeat(size)));
        *request.headers_mut() = typed(MEDIA_TYPE);
        request
    };
    assert!(Form::from_request(request(MAX_BYTES), &()).await.is_ok());
    assert_eq!(Form::from_request(request(MAX_BYTES + 1), &()).await.err(), Some(FormError::TooLarge));
}

proptest! {
    #[test]
    fn what_a_client_encodes_is_read_back(pairs in prop::collection::vec(("[a-z]{1,8}", "[^\0]{1,40}"), 0..8)) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let form = form(&body).unwrap_or_else(|e| panic!("{e}"));
        for (name, _) in &pairs {
            let sent: Vec<&str> = pairs.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
            prop_assert_eq!(form.all(name).collect::<Vec<_>>(), sent);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Form::parse(&typed(MEDIA_TYPE), &body);
    }

    #[test]
    fn what_is_accepted_means_the_same_to_others(body in "[a-c=&+% 0-9A-F]{0,40}") {
        if let Ok(form) = form(&body) {
            let theirs: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
            let ours: Vec<(String, String)> = form.0.iter().map(|(k, v)| (k.clone(), v.as_str().to_owned())).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
