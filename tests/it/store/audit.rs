//! Events are written once, and what is written stays.

use sallyport::{
    audit::Event,
    ids::{EventId, TenantId},
    store::{
        self,
        calls::{CallBatch, CallRow},
    },
};

use crate::harness::app::TestApp;

fn event(object: &str) -> Event {
    Event::changed(object.to_owned(), "created")
}

/// How often each object is told of, in a tenant's log.
async fn told(app: &TestApp, tenant: TenantId, object: &str) -> usize {
    let written = app.app.store.audit_recent(tenant, 100).await.unwrap();
    written.iter().filter(|event| event.body["object"] == object).count()
}

#[tokio::test]
async fn events_that_are_there_already_stay_as_they_are() {
    let app = TestApp::start().await;
    let tenant = app.tenant("acme").await;
    let [first, second] = ["server/one", "server/two"].map(|object| app.recorder().row(&event(object)).unwrap());
    for batch in [vec![first.clone()], vec![first.clone(), second.clone()], vec![first, second]] {
        let mut tx = app.app.store.tenant_tx(tenant.id).await.unwrap();
        store::audit::insert_batch(&mut tx, &batch).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(told(&app, tenant.id, "server/one").await, 1);
    assert_eq!(told(&app, tenant.id, "server/two").await, 1);
}

/// The connection may break after Postgres has committed and before it could say so. The writer of calls' events then tries
/// again until it is heard: a batch that is refused for being there would keep all later events out for ever.
#[tokio::test]
async fn a_batch_whose_commit_was_not_heard_of_is_written_again_and_is_there_once() {
    let app = TestApp::start().await;
    let tenants = [app.tenant("acme").await.id, app.tenant("beta").await.id, app.tenant("gamma").await.id];
    let mut batch = CallBatch::default();
    let mut slots = Vec::new();
    for (at, tenant) in tenants.into_iter().enumerate() {
        // None, one and two slots.
        let ids = [(); 4].map(|()| EventId::of_intent(&app.clock, &app.app.entropy).unwrap());
        let row = |id: &EventId| CallRow {
            id: *id,
            at: app.clock.now(),
            request_id: None,
            body: serde_json::value::to_raw_value(&event("call")).unwrap(),
        };
        let of_tenant: Vec<_> = (0..at).map(|slot| (i32::try_from(slot).unwrap(), ids[slot..].to_vec())).collect();
        slots.extend(of_tenant.iter().map(|(number, intents)| (tenant.0, *number, intents.len())));
        batch.add(tenant, ids.iter().map(row).collect(), of_tenant.into_iter());
    }
    for _ in 0..3 {
        // Each time as over a connection that was made anew.
        app.app.store.call_link().await.unwrap().record(app.app.process, &batch).await.unwrap();
    }
    for tenant in tenants {
        assert_eq!(told(&app, tenant, "call").await, 4);
    }
    let open = "select tenant, slot, cardinality(intents) from open_call where process = $1 order by 1, 2";
    let open: Vec<(uuid::Uuid, i32, i32)> =
        sqlx::query_as(open).bind(app.app.process.0).fetch_all(&app.db.owner).await.unwrap();
    slots.sort_unstable();
    let open: Vec<_> =
        open.into_iter().map(|(tenant, slot, size)| (tenant, slot, usize::try_from(size).unwrap())).collect();
    assert_eq!(open, slots);
}
