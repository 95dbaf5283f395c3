//! Full volumes, stalled commits, bad writes and bad files.

use super::*;

/// How long health may take to be noticed on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn becomes(health: &mut watch::Receiver<Health>, wanted: impl Fn(Health) -> bool) {
    tokio::time::timeout(PATIENCE, health.wait_for(|health| wanted(*health))).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_full_volume_surfaces_turns_health_bad_and_loses_nothing_acknowledged() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("tonegate.sqlite");
    let options = StoreOptions { page_limit: Some(80), ..patient(&path) };
    let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
    let mut health = store.health();
    assert_eq!(*health.borrow(), Health::Good);
    let mut acknowledged = Vec::new();
    let refusal = loop {
        let call = Uuid::from_u128(acknowledged.len() as u128);
        let writes =
            vec![Write::Audit(entry(call, Kind::CallStarted)), Write::from(Record::from(call_row(call).attempt))];
        match store.write(writes).await {
            Ok(_) => acknowledged.push(call),
            Err(error) => break error,
        }
    };
    assert!(matches!(refusal, StoreError::Full), "{refusal}");
    assert!(acknowledged.len() > 20);
    becomes(&mut health, |health| health == Health::Bad(HealthProblem::CommitFailed)).await;
    let depth = store.outbox_depth().await.unwrap();
    assert_eq!(depth.waiting, acknowledged.len() as u64, "all that was acknowledged, and nothing else");
    assert_eq!(verify(&path, &Evidence::default()).unwrap().records, acknowledged.len() as u64);

    // The outbox drains, which frees space: writing works again and health says so by itself.
    let drained = (1..=i64::try_from(acknowledged.len()).unwrap()).map(|entry| OutboxChange::Done { entry });
    store.persist(drained.map(Write::Outbox).collect::<Vec<_>>()).await.unwrap();
    becomes(&mut health, |health| health == Health::Good).await;
    store.write(Write::Audit(entry(Uuid::from_u128(1), Kind::CallEnded))).await.unwrap();
}

#[tokio::test]
async fn a_stalled_commit_fails_its_write_turns_health_bad_and_passes() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("tonegate.sqlite");
    let options = StoreOptions { commit_deadline: Duration::from_millis(50), ..patient(&path) };
    let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
    let mut health = store.health();
    let stall = Connection::open(&path).unwrap();
    stall.execute_batch("BEGIN IMMEDIATE").unwrap();
    let call = Uuid::from_u128(1);
    let refusal = store.write(Write::CallStarted(call_row(call).into())).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Stalled), "{refusal}");
    becomes(&mut health, |health| health != Health::Good).await;
    stall.execute_batch("ROLLBACK").unwrap();
    becomes(&mut health, |health| health == Health::Good).await;
    store.persist(Write::CallStarted(call_row(call).into())).await.unwrap();
}

#[tokio::test]
async fn a_write_that_is_only_late_is_made_once() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("tonegate.sqlite");
    let options = StoreOptions { commit_deadline: Duration::from_millis(50), ..patient(&path) };
    let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
    let mut health = store.health();
    let stall = Connection::open(&path).unwrap();
    stall.execute_batch("BEGIN IMMEDIATE").unwrap();
    let persisting = tokio::spawn({
        let (store, entry) = (store.clone(), entry(Uuid::from_u128(1), Kind::CallStarted));
        async move { store.persist(Write::Audit(entry)).await }
    });
    becomes(&mut health, |health| health != Health::Good).await;
    stall.execute_batch("ROLLBACK").unwrap();
    persisting.await.unwrap().unwrap();
    becomes(&mut health, |health| health == Health::Good).await;
    // Whatever else was queued is before this one.
    store.persist(Write::Audit(entry(Uuid::from_u128(1), Kind::CallEnded))).await.unwrap();
    assert_eq!(verify(&path, &Evidence::default()).unwrap().records, 2, "nothing is told twice");
}

#[tokio::test]
async fn too_little_space_turns_health_bad() {
    let directory = TempDir::new().unwrap();
    let options = StoreOptions { least_free: u64::MAX, ..patient(&directory.path().join("tonegate.sqlite")) };
    let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(*store.health().borrow(), Health::Bad(HealthProblem::LowSpace));
    // Live calls finish: writing still works.
    store.write(Write::CallStarted(call_row(Uuid::from_u128(1)).into())).await.unwrap();
}

#[tokio::test]
async fn one_bad_write_fails_alone_and_whole() {
    let directory = TempDir::new().unwrap();
    let (store, _) = open(&directory);
    let payment = Uuid::from_u128(5);
    store.write(Write::PaymentOpened(payment_row(payment).into())).await.unwrap();
    let twice =
        vec![Write::Audit(entry(payment, Kind::PaymentOpened)), Write::PaymentOpened(payment_row(payment).into())];
    let others = (10..20_u128).map(|id| store.write(Write::PaymentOpened(payment_row(Uuid::from_u128(id)).into())));
    let (refused, others) = tokio::join!(store.write(twice), futures_util::future::join_all(others));
    assert!(matches!(refused, Err(StoreError::Refused)));
    assert!(others.iter().all(Result::is_ok));
    assert!(store.call_audit(payment).await.unwrap().is_empty(), "all of a write or none of it");
    assert_eq!(*store.health().borrow(), Health::Good, "a bad write is no trouble of the store");
}

#[test]
fn files_that_cannot_be_used_are_refused_by_name() {
    let directory = TempDir::new().unwrap();
    let refusal = |name: &str| {
        let refused = Store::open(patient(&directory.path().join(name)), Timestamp::UNIX_EPOCH);
        refused.err().unwrap()
    };
    std::fs::write(directory.path().join("garbage"), [7; 8_192]).unwrap();
    assert!(matches!(refusal("garbage"), StoreError::Damaged));
    let newer = Connection::open(directory.path().join("newer")).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(refusal("newer"), StoreError::Newer));
    assert!(matches!(refusal("missing/store"), StoreError::File(_)));
    let (_store, _) = Store::open(patient(&directory.path().join("used")), Timestamp::UNIX_EPOCH).unwrap();
    assert!(matches!(refusal("used"), StoreError::InUse));
}

#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().unwrap();
    let (_store, _) = open(&directory);
    let mode = std::fs::metadata(directory.path().join("tonegate.sqlite")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}
