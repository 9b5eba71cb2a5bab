use http::{HeaderValue, header::COOKIE, header::ORIGIN};
use uuid::Uuid;

use super::*;
use crate::{
    ids::Slug,
    keys::generate_key_file,
    secret::{Entropy, Handle, HandleKind},
};

const TENANT: TenantId = TenantId(Uuid::from_u128(1));
const OTHER_TENANT: TenantId = TenantId(Uuid::from_u128(2));

struct Place {
    keyring: Keyring,
    public_url: PublicUrl,
}

impl Place {
    fn new() -> Self {
        let keyring = Keyring::parse(&generate_key_file(&Entropy::system()).unwrap()).unwrap();
        Self { keyring, public_url: PublicUrl::localhost(8080) }
    }

    fn token(&self, browser: &Browser, purpose: Purpose) -> String {
        token(&self.keyring, TENANT, browser, purpose)
    }

    fn check(&self, tenant: TenantId, browser: &Browser, body: &str, origin: &'static str) -> Result<(), Forged> {
        let headers = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static(origin))]);
        let form = Form::query(Some(body)).unwrap();
        check(&self.keyring, &self.public_url, tenant, browser, &headers, &form, Purpose::Login)
    }
}

const OWN: &str = "http://localhost:8080";

fn browser() -> Browser {
    let slug = Slug::parse("acme").unwrap();
    let handle = Handle::generate(HandleKind::Browser, &Entropy::system()).unwrap();

    let cookie = HeaderValue::from_str(&format!("__Host-sp-b-acme={}", handle.expose())).unwrap();
    Browser::ensure(&Entropy::system(), &slug, &HeaderMap::from_iter([(COOKIE, cookie)])).unwrap()
}

#[test]
fn a_form_of_our_own_page_passes() {
    let (place, browser) = (Place::new(), browser());
    let body = format!("csrf={}", place.token(&browser, Purpose::Login));
    assert_eq!(place.check(TENANT, &browser, &body, OWN), Ok(()));
}

#[test]
fn a_token_is_for_one_browser_one_tenant_and_one_purpose() {
    let (place, own) = (Place::new(), browser());
    let csrf = |browser: &Browser, purpose| format!("csrf={}", place.token(browser, purpose));
    let good = csrf(&own, Purpose::Login);
    assert_eq!(place.check(TENANT, &browser(), &good, OWN), Err(Forged::Token));
    assert_eq!(place.check(OTHER_TENANT, &own, &good, OWN), Err(Forged::Token));
    assert_eq!(Place::new().check(TENANT, &own, &good, OWN), Err(Forged::Token));
    for purpose in [Purpose::Consent, Purpose::Account] {
        assert_eq!(place.check(TENANT, &own, &csrf(&own, purpose), OWN), Err(Forged::Token));
    }
    let twice = format!("{good}&{good}");
    let cut = &good[..good.len() - 2];
    for body in ["", "csrf=", "csrf=!", "csrf=AAAA", &twice, cut] {
        assert_eq!(place.check(TENANT, &own, body, OWN), Err(Forged::Token), "{body}");
    }
}

/// Cookies do not tell ports apart, so a page on another port of this computer can send ours along, or fetch a token of
/// its own and plant its own browser cookie. The origin still gives it away.
#[test]
fn another_port_of_this_computer_is_another_page() {
    let (place, browser) = (Place::new(), browser());
    let body = format!("csrf={}", place.token(&browser, Purpose::Login));
    for origin in ["http://localhost:8081", "http://localhost", "null"] {
        assert_eq!(place.check(TENANT, &browser, &body, origin), Err(Forged::Origin(ForeignOrigin)));
    }
}

#[test]
fn a_browser_that_keeps_no_cookies_is_told_so() {
    let place = Place::new();
    let fresh = Browser::ensure(&Entropy::system(), &Slug::parse("acme").unwrap(), &HeaderMap::new()).unwrap();
    let body = format!("csrf={}", place.token(&fresh, Purpose::Login));
    assert_eq!(place.check(TENANT, &fresh, &body, OWN), Err(Forged::NoCookie));
}
