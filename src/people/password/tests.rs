use futures_util::FutureExt as _;

use super::*;

const CHEAP: config::Argon2 = config::Argon2 { memory_kib: 64, iterations: 1, lanes: 1 };

fn login(argon2: config::Argon2) -> config::Login {
    let throttle = config::Throttle { per_account: 1, per_address: 1, window: std::time::Duration::from_secs(1) };
    config::Login { argon2, parallel_hashes: 1, session: std::time::Duration::from_secs(1), throttle }
}

fn hasher(argon2: config::Argon2) -> PasswordHasher {
    PasswordHasher::new(&login(argon2), Entropy::system()).unwrap()
}

fn password(text: &str) -> Password {
    Password::presented(text).unwrap()
}

#[tokio::test]
async fn the_right_password_passes_and_others_do_not() {
    let hasher = hasher(CHEAP);
    let hash = hasher.hash(password("correct horse")).await.unwrap();
    assert!(hash.as_str().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    let verify = async |text| hasher.verify(password(text), Some(hash.clone())).await.unwrap();
    assert_eq!(verify("correct horse").await, Verdict::Right(None));
    assert_eq!(verify("correct horsf").await, Verdict::Wrong);
    assert_eq!(verify("").await, Verdict::Wrong);
}

#[tokio::test]
async fn an_account_that_does_not_exist_costs_a_hash_of_the_same_parameters() {
    let hasher = hasher(CHEAP);
    assert!(hasher.nobodys.has(&CHEAP).unwrap());
    assert_eq!(hasher.verify(password("anything"), None).await.unwrap(), Verdict::Wrong);
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_replaced_when_its_password_is_right() {
    let old = hasher(CHEAP).hash(password("correct horse")).await.unwrap();
    let wanted = config::Argon2 { iterations: 2, ..CHEAP };
    let hasher = hasher(wanted);
    assert_eq!(hasher.verify(password("wrong"), Some(old.clone())).await.unwrap(), Verdict::Wrong);
    let Verdict::Right(Some(new)) = hasher.verify(password("correct horse"), Some(old)).await.unwrap() else {
        panic!("no new hash")
    };
    assert!(new.has(&wanted).unwrap());
    assert_eq!(hasher.verify(password("correct horse"), Some(new)).await.unwrap(), Verdict::Right(None));
}

#[tokio::test]
async fn too_many_at_once_are_sent_away() {
    let hasher = hasher(CHEAP);
    let _all = hasher.running.clone().acquire_many_owned(1).await.unwrap();
    let waiting: Vec<_> = (0..=WAITING_PER_RUNNING).map(|_| Box::pin(hasher.hash(password("x")))).collect();
    let mut waiting = futures_util::future::join_all(waiting);
    assert!((&mut waiting).now_or_never().is_none());
    assert!(matches!(hasher.hash(password("x")).await, Err(HashError::Busy)));
    drop(waiting);
    drop(_all);
    hasher.hash(password("x")).await.unwrap();
}

#[test]
fn only_argon2id_strings_are_hashes() {
    let hash = PasswordHash::of(&password("x"), &CHEAP, &Entropy::system()).unwrap();
    assert_eq!(PasswordHash::parse(hash.as_str()).unwrap(), hash);
    for text in
        ["", "secret", "$argon2id$v=19$m=64,t=1,p=1", "$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"]
    {
        assert!(PasswordHash::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_generated_password_can_be_chosen_and_is_never_the_same() {
    let one = Password::generate(&Entropy::system()).unwrap();
    let two = Password::generate(&Entropy::system()).unwrap();
    assert_ne!(one.expose(), two.expose());
    assert_eq!(one.expose().len(), 23);
    Password::chosen(one.expose()).unwrap();
}

#[test]
fn lengths_have_limits() {
    assert_eq!(Password::chosen("1234567").err(), Some(BadPassword::TooShort));
    assert!(Password::chosen("12345678").is_ok());
    assert!(Password::presented(&"x".repeat(MAX_BYTES)).is_ok());
    assert_eq!(Password::presented(&"x".repeat(MAX_BYTES + 1)).err(), Some(BadPassword::TooLong));
}
