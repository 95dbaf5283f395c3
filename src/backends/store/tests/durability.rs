//! A process killed after its writes were acknowledged has lost none of them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::*;

/// Names the store's file to the child process.
const CHILD: &str = "TONEGATE_TEST_STORE";
/// Acknowledgements to read before the child is killed.
const ENOUGH: usize = 150;
/// Writers at once, so that commits are shared.
const WRITERS: u128 = 8;

/// Does nothing in a normal run. In the child it writes until it is killed, and says which writes were acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_writes_until_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let (store, _) = Store::open(patient(Path::new(&path)), Timestamp::UNIX_EPOCH).unwrap();
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0_u128.. {
                let id = Uuid::from_u128(number << 8 | writer);
                let writes = vec![
                    Write::CallStarted(call_row(id).into()),
                    Write::PaymentOpened(payment_row(id).into()),
                    Write::from(Record::from(call_row(id).attempt)),
                    Write::Audit(entry(id, Kind::PaymentOpened)),
                ];
                store.write(writes).await.unwrap();
                println!("acknowledged {id}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("tonegate.sqlite");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::durability::child_writes_until_killed", "--nocapture"])
        .env(CHILD, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged: Vec<Uuid> = Vec::new();
    for line in lines {
        // The first line may share its start with what the test harness prints.
        let line = line.unwrap();
        if let Some((_, id)) = line.split_once("acknowledged ") {
            acknowledged.push(id.parse().unwrap());
        }
        if acknowledged.len() == ENOUGH {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(acknowledged.len() >= ENOUGH, "the child was killed in the middle of its work");

    let (store, recovery) = Store::open(patient(&path), Timestamp::UNIX_EPOCH).unwrap();
    for id in &acknowledged {
        assert!(
            recovery.interrupted.iter().any(|interrupted| interrupted.call == *id)
                && store.payment(*id).await.unwrap().is_some()
        );
        assert_eq!(store.call_audit(*id).await.unwrap().len(), 2, "opened and interrupted");
    }
    let depth = store.outbox_depth().await.unwrap();
    // Each call has the record it wrote, and the two that opening wrote for it.
    assert_eq!(depth.waiting, 3 * recovery.interrupted.len() as u64);
    assert_eq!(verify(&path, &Evidence::default()).unwrap().records, 2 * recovery.interrupted.len() as u64);
}
