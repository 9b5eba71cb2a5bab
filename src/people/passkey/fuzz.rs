//! Fuzz target: what browsers and authenticators answer. See [`crate::fuzzing`].

use base64::{Engine as _, engine::general_purpose::STANDARD};
use uuid::Uuid;

use super::{
    Assertion, Challenge, Kept, Purpose, Registration, RelyingParty, Verification, authenticator::AuthenticatorData,
    cbor::Value, cose::PublicKey,
};
use crate::ids::PersonId;

/// The key of the specification's first test vector.
const KEY: &str =
    "pQECAyYgASFYIK/voW+XypstI+uGzLZAmNINuQhWBi6yScM6m2cvJt9hIlggkwpWuHovymYzSwNFir+HlxfBLMaO1zKQry4mZHlrkiA=";

/// An answer as JSON, or anything that is in one as it is.
pub fn fuzz(data: &[u8]) {
    parts(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let ours = RelyingParty { id: "example.org".to_owned(), origin: "https://example.org".to_owned() };
    let other = RelyingParty { origin: "https://example.com".to_owned(), ..ours.clone() };
    if let Ok(read) = Registration::read(text)
        && let Ok(claimed) = read.challenge()
    {
        let verify =
            |party: &RelyingParty, challenge: &Challenge| read.verify(party, challenge, Verification::Preferred);
        if let Ok(made) = verify(&ours, &claimed) {
            let key = PublicKey::read(&made.public_key).map(|key| key.algorithm());
            assert_eq!(key, Ok(made.alg), "a key that cannot be used");
            assert!((1..=1023).contains(&made.credential.len()), "an id that cannot be kept");
            assert!(verify(&ours, &another(&claimed)).is_err(), "another challenge");
        }
        assert!(verify(&other, &claimed).is_err() || verify(&ours, &claimed).is_err(), "two origins");
    }
    if let Ok(read) = Assertion::read(text)
        && let Ok(claimed) = read.challenge()
    {
        let public_key = STANDARD.decode(KEY).unwrap_or_default();
        assert!(PublicKey::read(&public_key).is_ok(), "the key of the vector");
        let person = PersonId(Uuid::nil());
        let kept = Kept { credential: read.credential(), public_key: &public_key, sign_count: 0, person };
        let verify = |challenge: &Challenge, purpose| read.verify(&ours, challenge, purpose, &kept);
        let (alone, second) = (verify(&claimed, Purpose::Login), verify(&claimed, Purpose::Second));
        assert!(alone.is_err() || alone == second, "what is enough alone is enough as a second factor");
        assert!(alone.is_err() || alone.is_ok_and(|said| said.user_verified), "nobody looked who it was");
        assert!(verify(&another(&claimed), Purpose::Second).is_err(), "another challenge");
    }
}

/// The binary parts: nothing that is read is longer than what there is, and what is read to an end is read alone as the same.
fn parts(data: &[u8]) {
    if let Ok((value, rest)) = Value::first(data) {
        let spelled = data.get(..data.len() - rest.len()).unwrap_or_default();
        assert_eq!(Value::read(spelled), Ok(value), "read alone");
        let _ = PublicKey::read(spelled);
    }
    if let Ok(read) = AuthenticatorData::read(data)
        && let Some(new) = read.attested
    {
        assert!(new.credential.len() + new.public_key.len() + 55 <= data.len(), "more than there is");
        assert!(Value::read(new.public_key).is_ok(), "a key that ends elsewhere");
    }
}

fn another(challenge: &Challenge) -> Challenge {
    Challenge(challenge.0.map(|byte| !byte))
}
