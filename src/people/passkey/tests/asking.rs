//! Who we are, and what browsers are asked.

use super::*;

#[test]
fn names_of_hosts_have_passkeys_and_addresses_have_none() {
    for (url, id) in [
        ("https://mcp.example.com", "mcp.example.com"),
        ("https://mcp.example.com:8443", "mcp.example.com"),
        ("http://localhost:8080", "localhost"),
        ("http://localhost", "localhost"),
    ] {
        assert_eq!((party(url).id(), party(url).origin()), (id, url));
    }
    for url in ["https://192.0.2.7", "http://127.0.0.1:8080", "http://[::1]:8080", "https://[2001:db8::1]"] {
        assert_eq!(RelyingParty::of(&PublicUrl::parse(url).unwrap()), None, "{url}");
    }
}

#[test]
fn challenges_are_new_each_time_and_do_not_print() {
    let (one, two) = (Challenge::fresh(&Entropy::system()).unwrap(), Challenge::fresh(&Entropy::system()).unwrap());
    assert_ne!(one, two);
    assert_ne!(one.hash(), two.hash());
    assert_eq!(CHALLENGE.hash(), digest(&SHA256, &[9; 32]).as_ref());
    assert_eq!(format!("{one:?}"), "Challenge");
    let dry = Entropy::manual();
    dry.run_dry(true);
    assert!(Challenge::fresh(&dry).is_err());
}

#[test]
fn a_new_passkey_is_asked_for_as_the_specification_spells_it() {
    let transports = ["usb".to_owned()];
    let there = [Known { credential: CREDENTIAL, transports: &transports }];
    let owner = Owner { person: PERSON, name: "ada", display_name: "Ada \"Countess\" <Lovelace>" };
    let options = us().creation("Sallyport", &owner, CHALLENGE, Verification::Required, &there);
    let expected = json!({
        "rp": {"id": "example.org", "name": "Sallyport"},
        "user": {"id": "AAAAAAAAAAAAAAAAAAAABw", "name": "ada", "displayName": "Ada \"Countess\" <Lovelace>"},
        "challenge": "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
        "pubKeyCredParams": [
            {"type": "public-key", "alg": -8},
            {"type": "public-key", "alg": -7},
            {"type": "public-key", "alg": -257},
        ],
        "timeout": 300_000,
        "excludeCredentials": [{"type": "public-key", "id": text(CREDENTIAL), "transports": ["usb"]}],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": "required",
        },
        "attestation": "none",
    });
    assert_eq!(serde_json::from_str::<Json>(&options.json()).unwrap(), expected);
}

#[test]
fn a_use_is_asked_for_as_the_specification_spells_it() {
    let there = [Known { credential: CREDENTIAL, transports: &[] }];
    let json = |purpose, theirs: &[Known<'_>]| -> Json {
        serde_json::from_str(&us().request(CHALLENGE, purpose, theirs).json()).unwrap()
    };
    let expected = json!({
        "challenge": "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk",
        "timeout": 300_000,
        "rpId": "example.org",
        "allowCredentials": [{"type": "public-key", "id": text(CREDENTIAL), "transports": []}],
        "userVerification": "preferred",
    });
    assert_eq!(json(Purpose::Second, &there), expected);
    let login = json(Purpose::Login, &[]);
    assert_eq!((&login["userVerification"], &login["allowCredentials"]), (&json!("required"), &json!([])));
    assert_eq!(json(Purpose::Confirm, &there)["userVerification"], "required");
}
