//! Another key-encryption key: what is sealed under the old one moves in the background, and nobody notices.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sallyport::{
    cluster::{self, Entry},
    ids::ProviderId,
    jobs::rewrap::{self, Progress},
    keys::KeyKind,
    people::oidc::secret_place,
    store::{
        providers::{self, ProviderRow},
        second,
    },
};

use super::{counts, held, retired, rotate};
use crate::gateway::world::{BOTH, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn signing_keys_move_under_load_and_two_processes_may_be_at_it() {
    let world = World::start().await;
    let app = &world.app;
    for n in 0..20 {
        app.tenant(&format!("t{n}")).await;
    }
    let token = world.token(&BOTH).await;
    let (done, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = async {
        while !done.load(Ordering::Relaxed) {
            assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
            // The tenant is read again, so that its keys are opened again.
            let mut tx = app.app.store.tenant_tx(world.tenant.id).await.unwrap();
            let ticket = cluster::take(&mut tx, &Entry::SigningKeys, app.clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            app.app.node.settle(ticket).await.unwrap();
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    let more_calls = async || {
        let before = calls.load(Ordering::Relaxed);
        while calls.load(Ordering::Relaxed) < before + 3 {
            tokio::task::yield_now().await;
        }
    };
    let work = async {
        more_calls().await;
        let kek = rotate(app, KeyKind::Kek).await;
        assert_eq!(counts(&held(app, KeyKind::Kek, &kek.old).await), [("signing_key", 42, 0)]);
        let refused = retired(app, &app.app.keyring, KeyKind::Kek, &kek.old, false).await.unwrap_err();
        assert!(refused.contains("still holds 42 signing keys"), "{refused}");
        let other = app.sibling_with(&kek.file.render()).await;
        let (one, two) = (Progress::default(), Progress::default());
        let (here, there) = tokio::join!(rewrap::round(&app.app, &one), rewrap::round(&other, &two));
        here.unwrap();
        there.unwrap();
        // Rows that the other one held were passed over.
        rewrap::round(&app.app, &one).await.unwrap();
        assert_eq!(one.done() + two.done(), 42);
        assert_eq!((one.left(), held(app, KeyKind::Kek, &kek.old).await.len()), (0, 0));
        more_calls().await;
        done.store(true, Ordering::Relaxed);
        kek
    };
    let ((), mut kek) = tokio::join!(load, work);

    retired(app, &app.app.keyring, KeyKind::Kek, &kek.old, false).await.unwrap();
    // A process that never had the old key.
    assert!(kek.file.remove(KeyKind::Kek, &kek.old));
    let fresh = app.sibling_with(&kek.file.render()).await;
    for slug in ["acme", "t0", "t19"] {
        assert_eq!(fresh.tenant(slug).await.unwrap().unwrap().signing.published().len(), 2);
    }
}

#[tokio::test]
async fn secrets_at_providers_and_of_authenticators_move_too() {
    let world = World::start().await;
    let (app, tenant) = (&world.app, &world.tenant);
    let (provider, person) = (ProviderId::new(&app.clock, &app.app.entropy).unwrap(), tenant.person.id);
    let places = [secret_place(tenant.id, provider), format!("{}/person_totp/{person}", tenant.id)];
    let seal = |place: &str| app.app.keyring.seal(place.as_bytes(), place.as_bytes(), &app.app.entropy).unwrap();
    let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
    let row = ProviderRow {
        id: provider,
        slug: "idp".into(),
        name: "i".into(),
        issuer: "https://idp.example".into(),
        client_id: "c".into(),
        auth_method: "client_secret_basic".into(),
        secret: Some(seal(&places[0])),
        settings: serde_json::json!({}),
        status: "active".into(),
        version: 1,
    };
    providers::insert(&mut tx, &row, app.clock.now()).await.unwrap();
    assert!(second::add_totp(&mut tx, person, &seal(&places[1]), 1, app.clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    let kek = rotate(app, KeyKind::Kek).await;
    let progress = Progress::default();
    rewrap::round(&app.app, &progress).await.unwrap();
    assert_eq!((progress.left(), progress.done(), held(app, KeyKind::Kek, &kek.old).await.len()), (0, 4, 0));
    let rows = "select kek_id, sealed from identity_provider union all select kek_id, sealed from person_totp";
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(rows).fetch_all(&app.db.owner).await.unwrap();
    for (place, (kek_id, sealed)) in places.iter().zip(rows) {
        assert!(
            kek_id != kek.old && *app.app.keyring.open(&kek_id, place.as_bytes(), &sealed).unwrap() == place.as_bytes()
        );
    }
}

#[tokio::test]
async fn what_does_not_open_stays_and_is_counted() {
    let world = World::start().await;
    let app = &world.app;
    let kek = rotate(app, KeyKind::Kek).await;
    world.change("update signing_key set sealed = '\\x00' where alg = 'ES256'").await;
    let progress = Progress::default();
    rewrap::round(&app.app, &progress).await.unwrap();
    assert_eq!((progress.left(), progress.done()), (1, 1));
    assert_eq!(counts(&held(app, KeyKind::Kek, &kek.old).await), [("signing_key", 1, 0)]);
}
