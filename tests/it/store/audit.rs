//! Events are written once, and what is written stays.

use sallyport::{audit::Event, store};

use crate::harness::app::TestApp;

/// The connection may break after Postgres has committed and before it could say so. The writer of calls' events then tries
/// again until it is heard: a batch that is refused for being there would keep all later events out for ever.
#[tokio::test]
async fn a_batch_whose_commit_was_not_heard_of_is_written_again_and_is_there_once() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let event = |object: &str| {
        let event = Event::AdminChanged { object: object.to_owned(), change: "created" };
        app.recorder().row(&event).unwrap()
    };
    let (first, second) = (event("server/one"), event("server/two"));
    for batch in [vec![first.clone()], vec![first.clone(), second.clone()], vec![first, second]] {
        let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
        store::audit::insert_batch(&mut tx, &batch).await.unwrap();
        tx.commit().await.unwrap();
    }
    let written = app.app.store.audit_recent(tenant.id, 100).await.unwrap();
    let objects: Vec<_> = written.iter().filter_map(|event| event.body["object"].as_str()).collect();
    assert_eq!(objects.iter().filter(|object| **object == "server/one").count(), 1, "{objects:?}");
    assert_eq!(objects.iter().filter(|object| **object == "server/two").count(), 1, "{objects:?}");
}
