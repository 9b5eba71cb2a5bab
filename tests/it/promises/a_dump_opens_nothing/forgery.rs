//! Whoever may write to the database, and has no key file, makes no upstream believe a JWT of theirs.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, jwk::JwkSet};
use sallyport::cluster::{self, Entry};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use super::victim::Victim;

/// A key pair of the attacker's.
struct Own {
    alg: Algorithm,
    name: &'static str,
    public: Value,
    private: EncodingKey,
    pkcs8: Vec<u8>,
}

impl Own {
    fn both() -> [Self; 2] {
        let ed = Ed25519KeyPair::generate().unwrap();
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (ed_der, ec_der) = (ed.to_pkcs8().unwrap(), ec.to_pkcs8v1().unwrap());
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = ec.public_key().as_ref();
        [
            Self {
                alg: Algorithm::EdDSA,
                name: "EdDSA",
                public: json!({ "kty": "OKP", "crv": "Ed25519", "x": text(ed.public_key().as_ref()) }),
                private: EncodingKey::from_ed_der(ed_der.as_ref()),
                pkcs8: ed_der.as_ref().to_vec(),
            },
            Self {
                alg: Algorithm::ES256,
                name: "ES256",
                public: json!({ "kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..]) }),
                private: EncodingKey::from_ec_der(ec_der.as_ref()),
                pkcs8: ec_der.as_ref().to_vec(),
            },
        ]
    }

    fn jwk(&self, kid: &str) -> Value {
        let mut jwk = self.public.clone();
        for (name, value) in [("kid", kid), ("alg", self.name), ("use", "sig")] {
            jwk[name] = value.into();
        }
        jwk
    }

    /// A JWT for the upstream, under the id of a key.
    fn forge(&self, kid: &str) -> String {
        let mut header = Header::new(self.alg);
        (header.kid, header.typ) = (Some(kid.to_owned()), Some("at+jwt".to_owned()));
        jsonwebtoken::encode(&header, &json!({ "sub": "person:victim", "exp": 4_000_000_000_u64 }), &self.private)
            .unwrap()
    }
}

/// The key set, read by the program from the database as it is now. None: it publishes nothing at all.
async fn key_set(victim: &Victim) -> Option<JwkSet> {
    let app = &victim.world.app.app;
    let mut tx = app.store.tenant_tx(victim.world.tenant.id).await.unwrap();
    let ticket = cluster::take(&mut tx, &Entry::Tenant, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    app.node.settle(ticket).await.unwrap();
    let answer = victim.world.http.get(format!("{}/jwks.json", victim.world.tenant.issuer)).send().await.unwrap();
    match answer.status().as_u16() {
        200 => Some(answer.json().await.unwrap()),
        status => {
            assert_eq!(status, 503);
            None
        }
    }
}

/// As an upstream does it that believes any key of the set.
fn believed(keys: &JwkSet, jwt: &str) -> bool {
    let alg = jsonwebtoken::decode_header(jwt).unwrap().alg;
    let mut validation = Validation::new(alg);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    keys.keys.iter().any(|key| {
        let key = DecodingKey::from_jwk(key).unwrap();
        jsonwebtoken::decode::<Value>(jwt, &key, &validation).is_ok()
    })
}

async fn run(superuser: &mut PgConnection, statement: &str, kid: &str, own: &Own) {
    let public = own.jwk(kid);
    sqlx::query(sqlx::AssertSqlSafe(statement.to_owned()))
        .bind(kid)
        .bind(own.name)
        .bind(public)
        .bind(&own.pkcs8)
        .execute(superuser)
        .await
        .unwrap();
}

#[tokio::test]
async fn no_key_that_is_written_into_the_database_is_published() {
    let victim = Victim::start().await;
    let other = victim.world.app.tenant("other").await;
    let before = key_set(&victim).await.expect("the key set");
    let real = victim.world.upstream.last().jwt().to_owned();
    assert!(believed(&before, &real));
    let mut superuser = victim.world.app.db.superuser().await;
    let copy = "create table kept as select * from signing_key";
    sqlx::query(copy).execute(&mut superuser).await.unwrap();

    // $1: a key id, $2: an algorithm, $3: the attacker's public key, $4: their private one.
    let insert = "insert into signing_key (tenant, kid, alg, kek_id, sealed, public_jwk, status, created_at, active_at, published_until)
                  select tenant, 'attacker', alg, kek_id, %SEALED%, $3, 'published', created_at, active_at, now() from signing_key
                   where tenant = '%ACME%' and alg = $2 and length($1) > 0 and length($4) > 0";
    let change = "update signing_key set %SET% where tenant = '%ACME%' and alg = $2
                  and $1 is not null and $3::jsonb is not null and $4::bytea is not null";
    let attempts = [
        ("a key of their own beside the others", insert.replace("%SEALED%", "sealed")),
        ("their private key in clear", insert.replace("%SEALED%", "$4")),
        ("no private key", insert.replace("%SEALED%", "''::bytea")),
        ("their public key under the id of a real one", change.replace("%SET%", "public_jwk = $3")),
        ("a key without its private half", change.replace("%SET%", "sealed = '', public_jwk = $3")),
        ("a key of another tenant", change.replace(
            "%SET%",
            "sealed = (select o.sealed from signing_key o where o.tenant = '%OTHER%' and o.alg = $2), public_jwk = $3",
        )),
        ("another algorithm", change.replace("%SET%", "alg = case $2 when 'EdDSA' then 'ES256' else 'EdDSA' end, status = 'published', published_until = now()")),
    ];
    for own in Own::both() {
        let kid = kid_of(&before, own.alg);
        for (what, statement) in &attempts {
            let statement = statement.replace("%ACME%", &victim.world.tenant.id.to_string());
            let statement = statement.replace("%OTHER%", &other.id.to_string());
            run(&mut superuser, &statement, &kid, &own).await;
            if let Some(keys) = key_set(&victim).await {
                for kid in [&kid, "attacker"] {
                    assert!(!believed(&keys, &own.forge(kid)), "{what}: {keys:?}");
                }
                assert!(believed(&keys, &real), "{what}: what is real stays so");
            }
            let mut tx = superuser.begin().await.unwrap();
            sqlx::query("delete from signing_key").execute(&mut *tx).await.unwrap();
            sqlx::query("insert into signing_key select * from kept").execute(&mut *tx).await.unwrap();
            tx.commit().await.unwrap();
            assert_eq!(key_set(&victim).await.expect(what).keys.len(), before.keys.len());
        }
    }
}

fn kid_of(keys: &JwkSet, alg: Algorithm) -> String {
    let name = format!("{alg:?}");
    let of_alg = keys.keys.iter().find(|key| key.common.key_algorithm.is_some_and(|own| format!("{own:?}") == name));
    of_alg.unwrap().common.key_id.clone().unwrap()
}
