//! Promise 4: the database is not a key ring.
//!
//! An attacker has a whole copy of it, knows how everything is computed, and may even write to it; only the key file is not
//! theirs. Nothing that is in the copy works anywhere, no secret is in it in any form, no sealed value opens, and nothing
//! that is written into the database makes an upstream believe a JWT of theirs.

mod boxes;
mod forgery;
mod key_files;
mod values;
mod victim;

use futures_util::{StreamExt as _, stream};

use self::{
    values::{Value, values},
    victim::{Use, Victim},
};
use crate::harness::canary::Canaries;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_database_has_no_secret_and_nothing_that_works() {
    let victim = Victim::start().await;
    let (dump, values) = (victim.world.app.db.dump().await, values(&victim.world.app.db).await);
    // It is a copy of all of it, and the search finds what is there.
    assert!(values.len() > 200, "{}", values.len());
    for part in ["public.refresh_token\n", "public.signing_key\n", "token.refreshed", "tools/call", "argon2id"] {
        assert!(dump.windows(part.len()).any(|window| window == part.as_bytes()), "{part}");
    }
    let mut canaries = Canaries::default();
    victim.add_to(&mut canaries);
    canaries.assert_absent("the dump", &dump);
    assert!(canaries.find(&[&dump[..], victim.secrets.tokens.refresh.as_bytes()].concat()).is_some());

    let guesses: Vec<(Use, String)> =
        Use::ALL.into_iter().flat_map(|way| values.iter().flat_map(move |value| way.guesses(value))).collect();
    assert!(guesses.len() > 2000, "{}", guesses.len());
    let tried = stream::iter(&guesses).map(async |(way, guess)| (way, guess, victim.works(*way, guess).await));
    let worked: Vec<_> = tried.buffer_unordered(8).filter(|tried| std::future::ready(tried.2)).collect().await;
    assert!(worked.is_empty(), "{worked:?}");
    // The secrets themselves do, in the same places.
    for way in Use::ALL {
        assert!(victim.works(way, victim.secret(way)).await, "{way:?}");
    }
}

/// Who has a token of another tenant, and writes its hash where the row of a victim's token is.
#[tokio::test]
async fn a_hash_that_is_moved_to_another_tenant_fits_nothing() {
    let victim = Victim::start().await;
    let app = &victim.world.app;
    let other = app.tenant("other").await;
    let own = crate::harness::flow::Flow::new(app, &other);
    let client = own.client().await;
    let tokens = own.tokens(&client).await;
    let mut superuser = app.db.superuser().await;
    for (table, of) in [("access_token", "revoked_at is null"), ("refresh_token", "rotated_at is null")] {
        let moved = format!(
            "update {table} set hash = (select hash from {table} where tenant = $2 and {of} limit 1),
                    pepper_id = (select pepper_id from {table} where tenant = $2 and {of} limit 1)
              where ctid = (select ctid from {table} where tenant = $1 and {of} limit 1)"
        );
        let done = sqlx::query(sqlx::AssertSqlSafe(moved)).bind(victim.world.tenant.id.0).bind(other.id.0);
        assert_eq!(done.execute(&mut superuser).await.unwrap().rows_affected(), 1);
    }
    assert!(own.accepts(&tokens.access).await);
    assert!(!victim.works(Use::AccessToken, &tokens.access).await);
    assert!(!victim.works(Use::RefreshToken, &tokens.refresh).await);
}

/// What an attacker may try is what a value of the copy could be taken for.
#[test]
fn a_value_is_tried_in_every_form() {
    let bytes = Value::Bytes((0..32).collect());
    let guesses: Vec<String> = Use::AccessToken.guesses(&bytes).map(|(_, guess)| guess).collect();
    for form in [
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
    ] {
        assert!(guesses.iter().any(|guess| guess == form), "{guesses:?}");
    }
    let handle = guesses.iter().find(|guess| guess.starts_with("sp_at_")).expect("a handle of these bytes");
    sallyport::secret::Handle::parse(sallyport::secret::HandleKind::AccessToken, handle).unwrap();
}
