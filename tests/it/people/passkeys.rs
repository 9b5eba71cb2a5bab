//! Passkeys: what an authenticator answers is taken, and nothing else.

use sallyport::{
    config::PublicUrl,
    ids::PersonId,
    people::passkey::{
        Assertion, BadPasskey, Challenge, Kept, Known, Owner, Purpose, Registered, Registration, RelyingParty,
        Verification,
    },
    secret::Entropy,
};
use uuid::Uuid;

use crate::harness::authenticator::{Authenticator, Wrong};

const ORIGIN: &str = "https://mcp.example.com";
const PERSON: PersonId = PersonId(Uuid::from_u128(7));

/// A site, and somebody with an authenticator.
struct Scene {
    party: RelyingParty,
    authenticator: Authenticator,
}

impl Scene {
    fn new() -> Self {
        let party = RelyingParty::of(&PublicUrl::parse(ORIGIN).unwrap()).unwrap();
        Self { party, authenticator: Authenticator::new(ORIGIN) }
    }

    fn register(&mut self, there: &[Known<'_>], wrong: Option<Wrong>) -> Option<Result<Registered, BadPasskey>> {
        let challenge = Challenge::fresh(&Entropy::system()).unwrap();
        let owner = Owner { person: PERSON, name: "ada", display_name: "Ada" };
        let need = Verification::Required;
        let options = self.party.creation("Sallyport", &owner, challenge.clone(), need, there).json();
        let answer = match wrong {
            None => self.authenticator.create(&options),
            wrong => self.authenticator.create_with(&options, wrong),
        }?;
        Some(Registration::read(&answer).unwrap().verify(&self.party, &challenge, need))
    }

    /// Uses the passkey, and counts.
    fn use_it(&mut self, made: &mut Registered, purpose: Purpose, wrong: Option<Wrong>) -> Result<(), BadPasskey> {
        let challenge = Challenge::fresh(&Entropy::system()).unwrap();
        let theirs = [Known { credential: &made.credential, transports: &made.transports }];
        let theirs = if purpose == Purpose::Login { &[] } else { &theirs[..] };
        let options = self.party.request(challenge.clone(), purpose, theirs).json();
        let answer = match wrong {
            None => self.authenticator.get(&options),
            wrong => self.authenticator.get_with(&options, wrong),
        };
        let read = Assertion::read(&answer.expect("a passkey")).unwrap();
        let Registered { credential, public_key, sign_count, .. } = &*made;
        let kept = Kept { credential, public_key, sign_count: *sign_count, person: PERSON };
        // What is asked is found by what is said to be answered.
        assert_eq!(read.challenge().unwrap().hash() == challenge.hash(), wrong != Some(Wrong::Challenge));
        made.sign_count = read.verify(&self.party, &challenge, purpose, &kept)?.sign_count;
        Ok(())
    }
}

const PURPOSES: [Purpose; 3] = [Purpose::Login, Purpose::Second, Purpose::Confirm];

#[test]
fn a_passkey_is_made_and_used() {
    let mut scene = Scene::new();
    let mut made = scene.register(&[], None).unwrap().unwrap();
    for (purpose, count) in PURPOSES.into_iter().zip(1..) {
        assert_eq!(scene.use_it(&mut made, purpose, None), Ok(()));
        assert_eq!(made.sign_count, count);
    }
}

#[test]
fn an_authenticator_has_one_passkey_for_a_person() {
    let mut scene = Scene::new();
    let made = scene.register(&[], None).unwrap().unwrap();
    let there = [Known { credential: &made.credential, transports: &made.transports }];
    assert!(scene.register(&there, None).is_none());
    assert!(
        Authenticator::new(ORIGIN)
            .get(&scene.party.request(Challenge::fresh(&Entropy::system()).unwrap(), Purpose::Second, &there,).json())
            .is_none()
    );
}

#[test]
fn whatever_is_wrong_is_refused() {
    for (wrong, why) in [
        (Wrong::Origin, BadPasskey::Origin),
        (Wrong::Party, BadPasskey::Party),
        (Wrong::Challenge, BadPasskey::Challenge),
        (Wrong::Frame, BadPasskey::Frame),
        (Wrong::Verification, BadPasskey::NotVerified),
    ] {
        assert_eq!(Scene::new().register(&[], Some(wrong)), Some(Err(why)), "{wrong:?}");
    }
    let mut scene = Scene::new();
    let mut made = scene.register(&[], None).unwrap().unwrap();
    assert_eq!(scene.use_it(&mut made, Purpose::Login, None), Ok(()));
    for (wrong, why) in [
        (Wrong::Origin, BadPasskey::Origin),
        (Wrong::Party, BadPasskey::Party),
        (Wrong::Challenge, BadPasskey::Challenge),
        (Wrong::Frame, BadPasskey::Frame),
        (Wrong::Verification, BadPasskey::NotVerified),
        (Wrong::Key, BadPasskey::Signature),
        (Wrong::Person, BadPasskey::Person),
    ] {
        for purpose in PURPOSES {
            let expected = match (wrong, purpose) {
                (Wrong::Verification, Purpose::Second) => Ok(()),
                _ => Err(why),
            };
            assert_eq!(scene.use_it(&mut made, purpose, Some(wrong)), expected, "{wrong:?} {purpose:?}");
        }
    }
    assert_eq!(scene.use_it(&mut made, Purpose::Login, None), Ok(()));
    assert_eq!(scene.use_it(&mut made, Purpose::Login, Some(Wrong::Count)), Err(BadPasskey::Cloned));
}
