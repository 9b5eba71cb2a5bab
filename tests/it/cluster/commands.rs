//! Commands take authority away while calls run on warm caches.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use sallyport::{
    apply::{self, Prune, Tools},
    cluster, people,
    people::Username,
};

use crate::gateway::world::{BOTH, Token, World};

/// Calls over and over, until told to stop: when each began, and the status it ended with. An answer that is cut off on its
/// way ends with the connection, and has none.
async fn calls(world: Arc<World>, token: Arc<Token>, stop: Arc<AtomicBool>) -> Vec<(Instant, Option<u16>)> {
    let mut calls = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let began = Instant::now();
        let status = world.call(&token).send().await.map(|answer| answer.status().as_u16());
        calls.push((began, status.ok()));
    }
    calls
}

/// Runs calls on warm caches, then `command` beside them, and then more calls, none of which may be accepted.
async fn refused_after(command: impl AsyncFnOnce(&World)) {
    let world = Arc::new(World::start().await);
    let token = Arc::new(world.token(&BOTH).await);
    let stop = Arc::new(AtomicBool::new(false));
    assert_eq!(world.call(&token).send().await.unwrap().status(), 200);
    let callers: Vec<_> = (0..4).map(|_| tokio::spawn(calls(world.clone(), token.clone(), stop.clone()))).collect();
    // All of them are at it.
    world.upstream.asked(20).await;
    command(&world).await;
    let done = Instant::now();
    for _ in 0..20 {
        assert_ne!(world.call(&token).send().await.unwrap().status(), 200);
    }
    stop.store(true, Ordering::SeqCst);
    let mut accepted = 0;
    for caller in callers {
        for (began, status) in caller.await.unwrap() {
            assert!(status != Some(200) || began < done, "accepted after the command was done");
            accepted += usize::from(status == Some(200));
        }
    }
    assert!(accepted > 10, "calls ran: {accepted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_apply_disables_is_not_called_any_more() {
    refused_after(async |world| {
        let (app, recorder) = (&world.app.app, world.app.recorder());
        let tools = Tools { store: &app.store, keyring: &app.keyring, hasher: &app.passwords, recorder: &recorder };
        let text = format!(
            "[[tenant]]\nslug = \"acme\"\nname = \"Tenant acme\"\n[[tenant.server]]\nslug = \"tools\"\n\
             upstream = \"{}\"\naudience = \"{0}#tools\"\nenabled = false\n",
            world.upstream.url
        );
        let document = crate::apply::read(&text, Path::new("/nowhere")).unwrap();
        let (_, ticket) = apply::run(tools, &document, Prune::Nothing).await.unwrap();
        cluster::settle_elsewhere(&app.store, ticket).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_is_disabled_calls_nothing_any_more() {
    refused_after(async |world| {
        let mut tx = world.app.app.store.tenant_tx(world.tenant.id).await.unwrap();
        let username = Username::parse(&world.tenant.person.username).unwrap();
        let ticket = people::disable(&mut tx, &world.app.recorder(), &username).await.unwrap();
        tx.commit().await.unwrap();
        cluster::settle_elsewhere(&world.app.app.store, Some(ticket)).await.unwrap();
    })
    .await;
}
