//! A real process that is killed while it sends.

use sallyport::{
    config::{ShipFormat, ShipKind},
    deliver::{Courier, Pace, Ship},
};

use super::{
    happen,
    receiver::Receiver,
    ship::{elastic, indexes, origin},
    target,
};
use crate::{audit::sequence::settled, harness::nodes::Nodes};

/// What came, without what came again: in order, without a gap.
fn without_gap(receiver: &Receiver, nodes: &Nodes) -> u64 {
    indexes(receiver, &origin(&nodes.app, nodes.tenant.id)).into_iter().fold(0, |next, index| {
        assert!(index <= next, "{index} comes before {next}");
        next.max(index + 1)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_while_it_sends_loses_nothing() {
    let receiver = elastic();
    let url = receiver.url("/_bulk");
    let settings =
        [("SALLYPORT_AUDIT__SHIP__SIEM__KIND", "elastic_bulk"), ("SALLYPORT_AUDIT__SHIP__SIEM__URL", url.as_str())];
    let nodes = Nodes::start_with(1, &settings).await;
    let log = nodes.tenant.id;
    let size = happen(&nodes.app, log, 600).await;
    receiver.until(|receiver| without_gap(receiver, &nodes) >= size).await;

    settled(&nodes.app, log).await;
    let name = origin(&nodes.app, log);
    let held = receiver.hold(name.as_str());
    let before = receiver.seen().len();
    happen(&nodes.app, log, 600).await;
    // It has said what it had to say and waits for the answer.
    let of_log = |receiver: &Receiver| receiver.seen()[before..].iter().any(|seen| seen.body.contains(name.as_str()));
    receiver.until(of_log).await;
    nodes.node(0).kill();
    drop(held);
    // Nobody waits a minute here for the dead one's time to end.
    let over = "update audit_shipment set held_until = clock_timestamp() - interval '1 second'";
    sqlx::query(over).execute(&nodes.app.db.owner).await.unwrap();

    let size = happen(&nodes.app, log, 10).await;
    let courier =
        Courier::Ship(Ship::new(&target(ShipKind::ElasticBulk, ShipFormat::Ocsf, &url), "localhost").unwrap());
    while without_gap(&receiver, &nodes) < size {
        let round = courier.round(&nodes.app.app, &mut Pace::default()).await.unwrap();
        assert!(round.troubles.is_empty(), "{round:?}");
    }
    let sent = indexes(&receiver, &origin(&nodes.app, log)).len() as u64;
    assert!(sent > size && sent <= size + 257, "{sent} of {size}: what was on its way comes again, and nothing else");
}
