//! The test vectors of the specification, which other people's code has made.

use super::{super::cose::BadKey, *};

/// A registration and a use of what it made.
struct Vector {
    name: &'static str,
    challenges: [Challenge; 2],
    registration: Json,
    assertion: Json,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// One vector has challenges of 128 bytes. Ours have 32, so it answers none of ours.
fn ours(challenge: Vec<u8>) -> Challenge {
    challenge.try_into().map_or(CHALLENGE, Challenge)
}

fn vectors() -> Vec<Vector> {
    let lines = include_str!("vectors.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let [name, parts @ ..] = <[&str; 8]>::try_from(line.split(' ').collect::<Vec<_>>()).unwrap();
            let [asked, created, object, asked_again, data, got, signature] = parts.map(bytes);
            // The id is nowhere else: 2 bytes of length and the id, at the 54th byte of the authenticator data.
            let attestation = Value::read(&object).unwrap();
            let attested = &attestation.named("authData").unwrap().bytes().unwrap()[53..];
            let length = usize::from(u16::from_be_bytes([attested[0], attested[1]]));
            let id = text(&attested[2..2 + length]);
            let json = |response: Json| json!({"id": id, "rawId": id, "type": "public-key", "response": response});
            Vector {
                name,
                challenges: [asked, asked_again].map(ours),
                registration: json(json!({"clientDataJSON": text(&created), "attestationObject": text(&object)})),
                assertion: json(json!({
                    "clientDataJSON": text(&got),
                    "authenticatorData": text(&data),
                    "signature": text(&signature),
                })),
            }
        })
        .collect()
}

fn register(vector: &Vector, need: Verification) -> Result<Registered, BadPasskey> {
    Registration::read(&vector.registration.to_string())?.verify(&us(), &vector.challenges[0], need)
}

fn assert(made: &Registered, json: &Json, challenge: &Challenge, purpose: Purpose) -> Result<Asserted, BadPasskey> {
    let kept = Kept { credential: &made.credential, public_key: &made.public_key, sign_count: 0, person: PERSON };
    Assertion::read(&json.to_string())?.verify(&us(), challenge, purpose, &kept)
}

/// What is expected of each: what it signs with, or why it is refused.
fn expected(name: &str) -> Result<Algorithm, BadPasskey> {
    match name {
        "none-es256-crossOrigin" | "none-es256-topOrigin" => Err(BadPasskey::Frame),
        "packed-es512" => Err(BadPasskey::Challenge),
        "packed-es384" | "packed-ed448" => Err(BadKey::Algorithm.into()),
        "packed-rs256" => Ok(Algorithm::Rs256),
        "packed-eddsa" => Ok(Algorithm::EdDsa),
        _ => Ok(Algorithm::Es256),
    }
}

#[test]
fn what_the_specification_shows_is_read_as_it_says() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 15);
    for vector in &vectors {
        let made = register(vector, Verification::Preferred);
        assert_eq!(
            made.as_ref().map(|made| made.alg).map_err(|error| *error),
            expected(vector.name),
            "{}",
            vector.name
        );
        let Ok(made) = made else { continue };
        let used = assert(&made, &vector.assertion, &vector.challenges[1], Purpose::Second).unwrap();
        assert_eq!((made.sign_count, used.sign_count), (0, 0), "{}", vector.name);
    }
}

#[test]
fn some_of_them_were_made_without_a_look_at_who_it_was() {
    let (mut with, mut without) = (0, 0);
    for vector in vectors().iter().filter(|vector| expected(vector.name).is_ok()) {
        let made = register(vector, Verification::Preferred).unwrap();
        let used = assert(&made, &vector.assertion, &vector.challenges[1], Purpose::Second).unwrap();
        let asked = assert(&made, &vector.assertion, &vector.challenges[1], Purpose::Confirm);
        if used.user_verified {
            assert_eq!(asked, Ok(used), "{}", vector.name);
            with += 1;
        } else {
            assert_eq!(asked, Err(BadPasskey::NotVerified), "{}", vector.name);
            without += 1;
        }
    }
    assert!(with > 0 && without > 0, "{with} and {without}");
}

#[test]
fn the_longest_id_is_taken() {
    let vectors = vectors();
    let long = vectors.iter().find(|vector| vector.name == "none-es256-long-credential-id").unwrap();
    assert_eq!(register(long, Verification::Preferred).unwrap().credential.len(), 1023);
}

#[test]
fn no_use_is_taken_for_another_challenge_or_another_passkey() {
    let vectors: Vec<_> = vectors().into_iter().filter(|vector| expected(vector.name).is_ok()).collect();
    for (vector, other) in vectors.iter().zip(vectors.iter().cycle().skip(1)) {
        let made = register(vector, Verification::Preferred).unwrap();
        let stranger = register(other, Verification::Preferred).unwrap();
        let [_, challenge] = &vector.challenges;
        let refused = assert(&made, &vector.assertion, &other.challenges[1], Purpose::Second);
        assert_eq!(refused, Err(BadPasskey::Challenge), "{}", vector.name);
        let refused = assert(&stranger, &vector.assertion, challenge, Purpose::Second);
        assert_eq!(refused, Err(BadPasskey::Credential), "{}", vector.name);
        let swapped = Registered { credential: made.credential.clone(), ..stranger };
        let refused = assert(&swapped, &vector.assertion, challenge, Purpose::Second);
        assert_eq!(refused, Err(BadPasskey::Signature), "{}", vector.name);
    }
}

#[test]
fn every_changed_bit_is_noticed() {
    for vector in vectors().iter().filter(|vector| expected(vector.name).is_ok()) {
        let made = register(vector, Verification::Preferred).unwrap();
        for member in ["authenticatorData", "clientDataJSON", "signature"] {
            let right = URL_SAFE_NO_PAD.decode(vector.assertion["response"][member].as_str().unwrap()).unwrap();
            for at in 0..right.len() {
                let mut wrong = right.clone();
                wrong[at] ^= 1 << (at % 8);
                let mut changed = vector.assertion.clone();
                changed["response"][member] = text(&wrong);
                let taken = assert(&made, &changed, &vector.challenges[1], Purpose::Second);
                assert!(taken.is_err(), "{} {member} {at}", vector.name);
            }
        }
    }
}
