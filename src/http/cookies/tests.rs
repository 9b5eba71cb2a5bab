use axum::response::IntoResponse as _;
use proptest::prelude::*;

use super::*;
use crate::secret::{Entropy, HandleKind};

fn acme() -> Slug {
    Slug::parse("acme").unwrap()
}

fn request(lines: &[&str]) -> HeaderMap {
    lines.iter().map(|line| (COOKIE, HeaderValue::from_str(line).unwrap())).collect()
}

#[test]
fn a_cookie_has_every_attribute() {
    let handle = Handle::generate(HandleKind::Session, &Entropy::system()).unwrap();
    let cookie = CookieName::session(&acme()).set(&handle);
    let response = (cookie, ()).into_response();
    let value = response.headers()[SET_COOKIE].to_str().unwrap();
    let expected = format!("__Host-sp-t-acme={}; Path=/; Secure; HttpOnly; SameSite=Lax", handle.expose());
    assert_eq!(value, expected);
    let gone = (CookieName::browser(&acme()).clear(), ()).into_response();
    assert_eq!(gone.headers()[SET_COOKIE], "__Host-sp-b-acme=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
}

#[test]
fn a_cookie_is_found_among_others() {
    let name = CookieName::session(&acme());
    for lines in [&["__Host-sp-t-acme=x"][..], &["a=b; __Host-sp-t-acme=x; c=d"], &["a=b", "__Host-sp-t-acme=x"]] {
        assert_eq!(name.read(&request(lines)), Some("x"), "{lines:?}");
    }
}

#[test]
fn other_names_and_repetitions_count_as_absent() {
    let name = CookieName::session(&acme());
    for lines in [
        &[][..],
        &["__Host-sp-t-acme-2=x"],
        &["__host-sp-t-acme=x"],
        &["sp-t-acme=x"],
        &["__Host-sp-b-acme=x"],
        &["__Host-sp-t-acme"],
        &["__Host-sp-t-acme=x; __Host-sp-t-acme=x"],
        &["__Host-sp-t-acme=x", "__Host-sp-t-acme=y"],
    ] {
        assert_eq!(name.read(&request(lines)), None, "{lines:?}");
    }
}

proptest! {
    #[test]
    fn any_header_is_read_without_harm(line in "[ -~]{0,80}", slug in "[a-z0-9]{1,9}") {
        let name = CookieName::session(&Slug::parse(&slug).unwrap());
        let with = format!("{line}; {}=value", name.0);
        if !line.contains(&name.0) {
            let (with, without) = (request(&[&with]), request(&[&line]));
            prop_assert_eq!(name.read(&with), Some("value"));
            prop_assert_eq!(name.read(&without), None);
        }
    }
}
