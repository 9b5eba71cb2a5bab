//! What is sealed in the database opens with nothing that is in the database.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use sqlx::Row as _;
use uuid::Uuid;

use super::{values::values, victim::Victim};
use crate::harness::canary::Canaries;

pub(super) fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// As anybody can do it who has read the source.
fn open(key: &[u8], place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let (nonce, body) = sealed.split_at_checked(12)?;
    let mut body = body.to_vec();
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    Some(key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut body).ok()?.to_vec())
}

/// The key of a refresh box, out of the token that opens it.
fn box_key(token: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"sallyport").extract(token);
    prk.expand(&[b"refresh box"], hkdf::HKDF_SHA256).unwrap().fill(&mut key).unwrap();
    key
}

struct Sealed {
    place: String,
    bytes: Vec<u8>,
}

async fn sealed(
    victim: &Victim,
    query: &'static str,
    place: impl Fn(Uuid, &sqlx::postgres::PgRow) -> String,
) -> Vec<Sealed> {
    let rows = sqlx::query(query).fetch_all(&victim.world.app.db.owner).await.unwrap();
    rows.iter().map(|row| Sealed { place: place(row.get("tenant"), row), bytes: row.get("sealed") }).collect()
}

/// Refresh boxes and signing keys, oldest first.
async fn all(victim: &Victim) -> (Vec<Sealed>, Vec<Sealed>) {
    let boxes =
        "select tenant, family, generation, box as sealed from refresh_token where box is not null order by generation";
    let boxes = sealed(victim, boxes, |tenant, row| {
        format!("refresh_token/{tenant}/{}/{}", row.get::<Uuid, _>("family"), row.get::<i32, _>("generation"))
    });
    let keys = "select tenant, kid, sealed from signing_key order by alg";
    let keys = sealed(victim, keys, |tenant, row| format!("signing_key/{tenant}/{}", row.get::<String, _>("kid")));
    (boxes.await, keys.await)
}

#[tokio::test]
async fn no_sealed_value_opens_with_anything_that_is_in_the_copy() {
    let victim = Victim::start().await;
    let (boxes, signing) = all(&victim).await;
    assert_eq!((boxes.len(), signing.len()), (2, 2));
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for value in values(&victim.world.app.db).await {
        for bytes in value.bytes() {
            keys.push(box_key(&bytes).to_vec());
            keys.extend((bytes.len() == 32).then_some(bytes));
        }
    }
    assert!(keys.len() > 300, "{}", keys.len());
    for Sealed { place, bytes } in boxes.iter().chain(&signing) {
        assert!(keys.iter().all(|key| open(key, place, bytes).is_none()), "{place}");
    }

    // With the token that was presented, and with the key of the key file, they do: each its own, in its own place.
    for (token, (own, other)) in victim.rotated.iter().zip([(0, 1), (1, 0)]) {
        let key = box_key(token.as_bytes());
        let answer = open(&key, &boxes[own].place, &boxes[own].bytes).expect("the token opens its box");
        assert!(String::from_utf8(answer).unwrap().contains("\"refresh_token\":\"sp_rt_"));
        assert!(open(&key, &boxes[other].place, &boxes[other].bytes).is_none());
        assert!(open(&key, &boxes[other].place, &boxes[own].bytes).is_none(), "moved to another row");
    }
    let file = victim.world.app.key_file.to_string();
    let kek = file.split("[[kek]]").nth(1).unwrap().split("key = \"").nth(1).unwrap().split('"').next().unwrap();
    let kek = decoded(kek);
    for (own, other) in [(0, 1), (1, 0)] {
        let pkcs8 = open(&kek, &signing[own].place, &signing[own].bytes).expect("the key file opens it");
        assert!(open(&kek, &signing[other].place, &signing[own].bytes).is_none(), "moved to another row");
        // And what is in it, up to the secret number, is nowhere else. What follows it is the public half.
        let seed = pkcs8.windows(2).position(|pair| pair == [0x04, 0x20]).expect("32 bytes") + 2;
        let private = &pkcs8[..seed + 32];
        let mut canaries = Canaries::default();
        canaries.add_bytes("a private key", private);
        canaries.add("a private key in PEM", &STANDARD.encode(private));
        canaries.assert_absent("the dump", victim.world.app.db.dump().await);
    }
}
