//! What a registration is refused for, one thing wrong at a time.

use super::*;

const CREATE: &str = "webauthn.create";

fn taken(json: &Json) -> Result<Registered, BadPasskey> {
    let registration = Registration::read(&json.to_string())?;
    registration.verify(&us(), &CHALLENGE, Verification::Required)
}

/// A registration with this authenticator data, that is right otherwise.
fn with_data(data: &[u8]) -> Result<Registered, BadPasskey> {
    taken(&registration(client_data(CREATE).to_string().as_bytes(), &object(data)))
}

/// A registration with this client data, that is right otherwise.
fn with_client(client: &str) -> Result<Registered, BadPasskey> {
    let data = [data("example.org", UP_UV | AT, 0), attested(CREDENTIAL, &Key::new().cose())].concat();
    taken(&registration(client.as_bytes(), &object(&data)))
}

/// The same with one member of it changed, or gone.
fn with_member(name: &str, value: Option<Json>) -> Result<Registered, BadPasskey> {
    let mut client = client_data(CREATE);
    match value {
        Some(value) => client[name] = value,
        None => drop(client.as_object_mut().unwrap().remove(name)),
    }
    with_client(&client.to_string())
}

#[test]
fn what_is_kept_is_what_the_authenticator_said() {
    let key = Key::new().cose();
    let data = [data("example.org", UP_UV | AT | 0x18, 3), attested(CREDENTIAL, &key)].concat();
    let json = registration(client_data(CREATE).to_string().as_bytes(), &object(&data));
    let read = Registration::read(&json.to_string()).unwrap();
    assert_eq!(read.challenge(), Ok(CHALLENGE));
    let expected = Registered {
        credential: CREDENTIAL.to_vec(),
        public_key: key,
        alg: Algorithm::Es256,
        sign_count: 3,
        backed_up: true,
        transports: vec!["hybrid".to_owned(), "internal".to_owned()],
    };
    assert_eq!(read.verify(&us(), &CHALLENGE, Verification::Required), Ok(expected));
}

#[test]
fn another_site_or_another_question_is_refused() {
    assert!(with_client(&client_data(CREATE).to_string()).is_ok());
    for kind in ["webauthn.get", "payment.get", "", "Webauthn.create"] {
        assert_eq!(with_member("type", Some(kind.into())), Err(BadPasskey::Ceremony), "{kind}");
    }
    let padded = format!("{}=", CHALLENGE.text());
    for challenge in [&Challenge([8; 32]).text(), &padded, "", "AAAA"] {
        assert_eq!(with_member("challenge", Some((*challenge).into())), Err(BadPasskey::Challenge), "{challenge}");
    }
    for origin in [
        "https://example.org/",
        "https://example.org:443",
        "https://EXAMPLE.org",
        "http://example.org",
        "https://example.org.",
        "https://sub.example.org",
        "https://example.org.evil.example",
        "android:apk-key-hash:abc",
        "null",
        "",
    ] {
        assert_eq!(with_member("origin", Some(origin.into())), Err(BadPasskey::Origin), "{origin}");
    }
    assert_eq!(with_member("crossOrigin", Some(true.into())), Err(BadPasskey::Frame));
    assert_eq!(with_member("topOrigin", Some("https://example.org".into())), Err(BadPasskey::Frame));
    assert!(with_member("crossOrigin", None).is_ok(), "older browsers leave it out");
    assert!(with_member("other_keys_can_be_added_here", Some("do not compare".into())).is_ok());
}

#[test]
fn client_data_that_cannot_be_read_is_refused() {
    for name in ["type", "challenge", "origin"] {
        assert_eq!(with_member(name, None), Err(BadPasskey::ClientData), "{name}");
        assert_eq!(with_member(name, Some(1.into())), Err(BadPasskey::ClientData), "{name}");
    }
    assert_eq!(with_member("crossOrigin", Some("false".into())), Err(BadPasskey::ClientData));
    let right = client_data(CREATE).to_string();
    let twice = right.replace("{\"", "{\"origin\":\"https://example.org\",\"");
    let array = format!("[\"{CREATE}\",\"{}\",\"https://example.org\",false]", CHALLENGE.text());
    let long = right.replace('{', &format!("{{\"long\":\"{}\",", "a".repeat(4096)));
    for client in ["", "{}", "{", "null", &twice, &array, &long, &format!("{right}{right}"), &format!("{right}\0")] {
        assert_eq!(with_client(client), Err(BadPasskey::ClientData), "{client}");
    }
    assert!(with_client(&format!("\u{feff}{right}")).is_ok(), "as UTF-8 decode does it");
}

#[test]
fn what_the_authenticator_must_say_is_asked_for() {
    let after = attested(CREDENTIAL, &Key::new().cose());
    let said = |party: &str, flags: u8| with_data(&[data(party, flags, 0), after.clone()].concat());
    assert!(said("example.org", UP_UV | AT).is_ok());
    assert!(said("example.org", UP_UV | AT | 0x22).is_ok(), "bits that are to have a meaning some day");
    for party in ["example.com", "sub.example.org", "https://example.org", ""] {
        assert_eq!(said(party, UP_UV | AT).unwrap_err(), BadPasskey::Party, "{party}");
    }
    assert_eq!(said("example.org", 0x04 | AT), Err(BadPasskey::Nobody));
    assert_eq!(said("example.org", 0x01 | AT), Err(BadPasskey::NotVerified));
    assert_eq!(said("example.org", UP_UV | AT | 0x10), Err(BadPasskey::Backup));
    assert!(!said("example.org", UP_UV | AT | 0x08).unwrap().backed_up);
    assert_eq!(with_data(&data("example.org", UP_UV, 0)), Err(BadPasskey::NoCredential));
    assert_eq!(said("example.org", UP_UV), Err(cbor::BadCbor::Trailing.into()));
}

#[test]
fn whoever_need_not_be_known_is_not_asked_for() {
    let data = [data("example.org", 0x41, 0), attested(CREDENTIAL, &Key::new().cose())].concat();
    let json = registration(client_data(CREATE).to_string().as_bytes(), &object(&data));
    let read = Registration::read(&json.to_string()).unwrap();
    assert!(read.verify(&us(), &CHALLENGE, Verification::Preferred).is_ok());
    assert_eq!(read.verify(&us(), &CHALLENGE, Verification::Required), Err(BadPasskey::NotVerified));
}

#[test]
fn ids_and_keys_that_are_not_right_are_refused() {
    let (us, key) = (data("example.org", UP_UV | AT, 0), Key::new().cose());
    let with = |credential: &[u8], key: &[u8]| with_data(&[us.clone(), attested(credential, key)].concat());
    assert_eq!(with(b"another", &key), Err(BadPasskey::Credential));
    assert_eq!(with(&[7; 1024], &key), Err(BadPasskey::Credential));
    assert_eq!(with(b"", &key), Err(BadPasskey::Credential));
    assert_eq!(with(CREDENTIAL, b"\xa0"), Err(cose::BadKey::Members.into()));
    assert_eq!(with(CREDENTIAL, &[&key[..], &[0]].concat()), Err(cbor::BadCbor::Trailing.into()));
    assert_eq!(with(CREDENTIAL, b""), Err(cbor::BadCbor::End.into()));
}

#[test]
fn answers_of_another_shape_are_refused() {
    let data = [data("example.org", UP_UV | AT, 0), attested(CREDENTIAL, &Key::new().cose())].concat();
    let right = registration(client_data(CREATE).to_string().as_bytes(), &object(&data));
    let with = |pointer: &str, value: Json| {
        let mut json = right.clone();
        *json.pointer_mut(pointer).unwrap() = value;
        taken(&json)
    };
    for pointer in ["/id", "/rawId", "/type", "/response", "/response/clientDataJSON", "/response/attestationObject"] {
        for value in [Json::Null, 1.into(), "AA==".into(), "A".into(), "AB".into(), "+/+/".into()] {
            assert_eq!(with(pointer, value), Err(BadPasskey::Json), "{pointer}");
        }
    }
    assert_eq!(with("/type", "password".into()), Err(BadPasskey::Json));
    assert_eq!(with("/rawId", "AAAA".into()), Err(BadPasskey::Credential));
    assert_eq!(with("/response/attestationObject", text(b"\xa0")), Err(BadPasskey::Attestation));
    assert_eq!(with("/response/attestationObject", text(b"\xa1\x68authData\x00")), Err(BadPasskey::Attestation));
    assert_eq!(with("/response/attestationObject", text(b"\xa1\x68authData\x40")), Err(BadPasskey::AuthenticatorData));
    assert_eq!(with("/response/attestationObject", "".into()), Err(cbor::BadCbor::End.into()));
    for whole in ["", "null", "[]", "{}", "\"\"", &format!(" {right}"), &format!("{right}x")] {
        assert_eq!(Registration::read(whole).err(), Some(BadPasskey::Json), "{whole}");
    }
    let long = right.to_string().replacen('{', &format!("{{\"long\":\"{}\",", "a".repeat(64 * 1024)), 1);
    assert_eq!(Registration::read(&long).err(), Some(BadPasskey::Json));
}

/// For years there were browsers that wrote the authenticator data first.
#[test]
fn the_order_of_an_attestation_and_what_it_attests_do_not_matter() {
    let data = [data("example.org", UP_UV | AT, 0), attested(CREDENTIAL, &Key::new().cose())].concat();
    let statement = Value::Map(vec![(Value::Text("sig"), Value::Bytes(b"no signature"))]);
    let entries = [("authData", Value::Bytes(&data)), ("fmt", Value::Text("packed")), ("attStmt", statement)];
    let object = write(&Value::Map(entries.map(|(key, value)| (Value::Text(key), value)).to_vec()));
    assert!(taken(&registration(client_data(CREATE).to_string().as_bytes(), &object)).is_ok());
}

#[test]
fn odd_ways_to_reach_an_authenticator_are_left_out() {
    let data = [data("example.org", UP_UV | AT, 0), attested(CREDENTIAL, &Key::new().cose())].concat();
    let mut json = registration(client_data(CREATE).to_string().as_bytes(), &object(&data));
    let long = "a".repeat(33);
    json["response"]["transports"] = json!(["usb", "", "nfc", "usb", "<b>", "USB", long, "smart-card"]);
    assert_eq!(taken(&json).unwrap().transports, ["nfc", "smart-card", "usb"]);
    json["response"]["transports"] = (0..30).map(|at| "a".repeat(at)).collect();
    assert_eq!(taken(&json).unwrap().transports.len(), 8);
    json["response"].as_object_mut().unwrap().remove("transports");
    assert!(taken(&json).unwrap().transports.is_empty());
}
