//! Two gateways on one queue.

use super::*;

/// A second gateway's own connection to the file.
fn beside(bench: &Bench) -> Arc<Queue> {
    Arc::new(Queue::open(&bench.directory.path().join("queue.sqlite")).unwrap())
}

#[tokio::test]
async fn one_of_two_subscribes_and_the_other_takes_over_without_a_loss_or_a_double() {
    let bench = Bench::new().await;
    let one = bench.subscribe();
    bench.assign(1);
    bench.waits_for([1]).await;
    let other = bench.subscribe_with(bench.options(), beside(&bench));
    bench.assign(2);
    bench.waits_for([1, 2]).await;
    assert_eq!(bench.sample.rig.asked("pubsub_subscribe"), 1, "the other one waits");
    // It neither ends nor gives its lease back: as a process that was killed, or hangs.
    one.task.abort();
    assert!(one.task.await.unwrap_err().is_cancelled());
    bench.assign(3);
    let began = Instant::now();
    bench.waits_for(1..4).await;
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(bench.sample.rig.asked("pubsub_subscribe"), 2);
    other.leave().await;
}

#[tokio::test]
async fn a_gateway_that_leaves_gives_its_lease_to_the_next() {
    let bench = Bench::new().await;
    let options = || EventsOptions { lease: Duration::from_secs(600), ..bench.options() };
    let one = bench.subscribe_with(options(), Arc::clone(&bench.queue));
    bench.asked("pubsub_subscribe", 1).await;
    one.leave().await;
    let other = bench.subscribe_with(options(), beside(&bench));
    bench.assign(1);
    bench.waits_for([1]).await;
    other.leave().await;
}
