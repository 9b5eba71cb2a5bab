//! What the use of a passkey is refused for, one thing wrong at a time.

use super::*;

const GET: &str = "webauthn.get";

fn kept(key: &[u8], sign_count: u32) -> Kept<'_> {
    Kept { credential: CREDENTIAL, public_key: key, sign_count, person: PERSON }
}

fn taken(key: &Key, json: &Json, purpose: Purpose) -> Result<Asserted, BadPasskey> {
    Assertion::read(&json.to_string())?.verify(&us(), &CHALLENGE, purpose, &kept(&key.cose(), 0))
}

/// An assertion that is right.
fn right(key: &Key) -> Json {
    assertion(key, client_data(GET).to_string().as_bytes(), &data("example.org", UP_UV, 0))
}

#[test]
fn what_the_authenticator_said_is_handed_on() {
    let key = Key::new();
    let json = assertion(&key, client_data(GET).to_string().as_bytes(), &data("example.org", UP_UV | 0x18, 7));
    let read = Assertion::read(&json.to_string()).unwrap();
    assert_eq!((read.challenge(), read.credential()), (Ok(CHALLENGE), CREDENTIAL));
    for purpose in [Purpose::Login, Purpose::Second, Purpose::Confirm] {
        let said = read.verify(&us(), &CHALLENGE, purpose, &kept(&key.cose(), 6));
        assert_eq!(said, Ok(Asserted { sign_count: 7, user_verified: true, backed_up: true }));
    }
}

#[test]
fn another_site_or_another_question_is_refused() {
    let key = Key::new();
    let with = |name: &str, value: Json| {
        let mut client = client_data(GET);
        client[name] = value;
        let json = assertion(&key, client.to_string().as_bytes(), &data("example.org", UP_UV, 0));
        taken(&key, &json, Purpose::Login)
    };
    assert!(with("type", GET.into()).is_ok());
    assert_eq!(with("type", "webauthn.create".into()), Err(BadPasskey::Ceremony));
    assert_eq!(with("challenge", Challenge([8; 32]).text().into()), Err(BadPasskey::Challenge));
    assert_eq!(with("origin", "https://example.com".into()), Err(BadPasskey::Origin));
    assert_eq!(with("crossOrigin", true.into()), Err(BadPasskey::Frame));
    assert_eq!(with("topOrigin", "https://example.org".into()), Err(BadPasskey::Frame));
    let elsewhere = Assertion::read(&right(&key).to_string()).unwrap();
    let refused = elsewhere.verify(&party("https://example.com"), &CHALLENGE, Purpose::Login, &kept(&key.cose(), 0));
    assert_eq!(refused, Err(BadPasskey::Origin));
}

#[test]
fn what_the_authenticator_must_say_is_asked_for() {
    let key = Key::new();
    let said = |party: &str, flags: u8, purpose| {
        let json = assertion(&key, client_data(GET).to_string().as_bytes(), &data(party, flags, 0));
        taken(&key, &json, purpose)
    };
    assert_eq!(said("example.com", UP_UV, Purpose::Login), Err(BadPasskey::Party));
    assert_eq!(said("example.org", 0x04, Purpose::Login), Err(BadPasskey::Nobody));
    assert_eq!(said("example.org", 0x01, Purpose::Login), Err(BadPasskey::NotVerified));
    assert_eq!(said("example.org", 0x01, Purpose::Confirm), Err(BadPasskey::NotVerified));
    assert_eq!(said("example.org", 0x15, Purpose::Second), Err(BadPasskey::Backup));
    assert_eq!(said("example.org", UP_UV | 0x80, Purpose::Login), Err(cbor::BadCbor::End.into()));
    let second = Asserted { sign_count: 0, user_verified: false, backed_up: false };
    assert_eq!(said("example.org", 0x01, Purpose::Second), Ok(second));
}

#[test]
fn a_passkey_is_for_its_person_alone() {
    let key = Key::new();
    let with = |handle: Json, purpose| {
        let mut json = right(&key);
        json["response"]["userHandle"] = handle;
        taken(&key, &json, purpose)
    };
    let other = text(Uuid::from_u128(8).as_bytes());
    for purpose in [Purpose::Login, Purpose::Second, Purpose::Confirm] {
        assert_eq!(with(other.clone(), purpose), Err(BadPasskey::Person));
        assert_eq!(with(text(&PERSON.0.as_bytes()[..15]), purpose), Err(BadPasskey::Person));
    }
    for nobody in [Json::Null, "".into()] {
        assert_eq!(with(nobody.clone(), Purpose::Login), Err(BadPasskey::Person), "nobody is known yet");
        assert!(with(nobody.clone(), Purpose::Second).is_ok());
        assert!(with(nobody, Purpose::Confirm).is_ok());
    }
}

#[test]
fn only_the_key_that_is_kept_signs() {
    let (key, other) = (Key::new(), Key::new());
    let json = right(&key);
    assert!(taken(&key, &json, Purpose::Login).is_ok());
    assert_eq!(taken(&other, &json, Purpose::Login), Err(BadPasskey::Signature));
    let read = Assertion::read(&json.to_string()).unwrap();
    let elsewhere = Kept { credential: b"another", ..kept(b"", 0) };
    assert_eq!(read.verify(&us(), &CHALLENGE, Purpose::Login, &elsewhere), Err(BadPasskey::Credential));
    let broken = read.verify(&us(), &CHALLENGE, Purpose::Login, &kept(b"\xa0", 0));
    assert_eq!(broken, Err(cose::BadKey::Members.into()));
    // Signed over another client data than the one that is sent.
    let mut swapped = json.clone();
    swapped["response"]["clientDataJSON"] = text(format!("{} ", client_data(GET)).as_bytes());
    assert_eq!(taken(&key, &swapped, Purpose::Login), Err(BadPasskey::Signature));
    let mut unsigned = json;
    unsigned["response"]["signature"] = "".into();
    assert_eq!(taken(&key, &unsigned, Purpose::Login), Err(BadPasskey::Signature));
}

#[test]
fn a_count_that_does_not_grow_is_a_copy() {
    let key = Key::new();
    let cose = key.cose();
    let used = |before: u32, now: u32| {
        let json = assertion(&key, client_data(GET).to_string().as_bytes(), &data("example.org", UP_UV, now));
        let read = Assertion::read(&json.to_string()).unwrap();
        read.verify(&us(), &CHALLENGE, Purpose::Login, &kept(&cose, before)).map(|said| said.sign_count)
    };
    assert_eq!(used(0, 0), Ok(0), "it does not count");
    assert_eq!(used(0, 9), Ok(9));
    assert_eq!(used(8, 9), Ok(9));
    assert_eq!(used(u32::MAX - 1, u32::MAX), Ok(u32::MAX));
    assert_eq!(used(9, 9), Err(BadPasskey::Cloned));
    assert_eq!(used(9, 8), Err(BadPasskey::Cloned));
    assert_eq!(
        used(9, 0),
        Ok(9),
        "it stopped counting when it became one that is kept in step, and may not begin anew"
    );
}

#[test]
fn a_forged_answer_with_an_old_count_is_no_copy() {
    let (key, other) = (Key::new(), Key::new());
    let json = assertion(&other, client_data(GET).to_string().as_bytes(), &data("example.org", UP_UV, 1));
    let read = Assertion::read(&json.to_string()).unwrap();
    let refused = read.verify(&us(), &CHALLENGE, Purpose::Login, &kept(&key.cose(), 9));
    assert_eq!(refused, Err(BadPasskey::Signature));
}

#[test]
fn answers_of_another_shape_are_refused() {
    let key = Key::new();
    let with = |pointer: &str, value: Json| {
        let mut json = right(&key);
        *json.pointer_mut(pointer).unwrap() = value;
        taken(&key, &json, Purpose::Login)
    };
    let members = ["/id", "/rawId", "/type", "/response", "/response/authenticatorData", "/response/signature"];
    for pointer in members {
        for value in [Json::Null, 1.into(), "AA==".into(), "A".into(), "AB".into(), "+/+/".into()] {
            assert_eq!(with(pointer, value), Err(BadPasskey::Json), "{pointer}");
        }
    }
    assert_eq!(with("/response/userHandle", 1.into()), Err(BadPasskey::Json));
    assert_eq!(with("/rawId", "AAAA".into()), Err(BadPasskey::Credential));
    assert_eq!(with("/response/clientDataJSON", "AAAA".into()), Err(BadPasskey::ClientData));
    assert_eq!(with("/response/authenticatorData", "AAAA".into()), Err(BadPasskey::AuthenticatorData));
    assert_eq!(Assertion::read(&format!("{{\"a\":\"{}\"}}", "a".repeat(64 * 1024))).err(), Some(BadPasskey::Json));
    let data = [data("example.org", UP_UV | AT, 0), attested(CREDENTIAL, &key.cose())].concat();
    let new = registration(client_data("webauthn.create").to_string().as_bytes(), &object(&data));
    assert_eq!(Assertion::read(&new.to_string()).err(), Some(BadPasskey::Json), "a registration");
}

/// What `static/passkey.js` sent from Chromium 156 with its virtual authenticator: a registration and a use, once with the
/// browser's own JSON and once with what the script makes where there is none.
#[test]
fn what_a_browser_sends_is_taken() {
    let (party, mut answers) = (party("http://localhost:18080"), include_str!("chromium.jsonl").lines());
    for _ in 0..2 {
        let (new, used) = (answers.next().unwrap(), answers.next().unwrap());
        let made = Registration::read(new).unwrap().verify(&party, &CHALLENGE, Verification::Required).unwrap();
        assert_eq!((made.alg, made.sign_count, made.backed_up), (Algorithm::EdDsa, 1, false));
        assert_eq!(made.transports, ["internal"]);
        let kept = Kept { credential: &made.credential, ..kept(&made.public_key, made.sign_count) };
        let said = Assertion::read(used).unwrap().verify(&party, &CHALLENGE, Purpose::Login, &kept);
        assert_eq!(said, Ok(Asserted { sign_count: 2, user_verified: true, backed_up: false }));
    }
    assert_eq!(answers.next(), None);
}
