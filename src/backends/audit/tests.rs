use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use tempfile::TempDir;
use uuid::Uuid;

use super::chain::link;
use super::*;
use crate::store::{Store, StoreOptions, Write};

mod independent;
mod mutations;

fn proof(call: u128) -> Entry {
    let details =
        Details::new().text("prompt", "mini_miranda").count("samples_sent", 16_000).hash("pcm", &sha256(b"pcm"));
    Entry { call: Uuid::from_u128(call), at: Timestamp::UNIX_EPOCH, kind: Kind::Proof, details }
}

/// A chain of six records over two calls, and its file.
async fn chain(signer: Option<Signer>) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("tonegate.sqlite");
    let options = StoreOptions {
        signer,
        least_free: 0,
        commit_deadline: std::time::Duration::from_secs(30),
        ..StoreOptions::at(&path)
    };
    let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
    for call in [1, 2, 1, 1, 2, 1] {
        store.write(Write::Audit(proof(call))).await.unwrap();
    }
    (directory, path)
}

fn key() -> Signer {
    Signer::generate("gateway-1").unwrap().0
}

/// The first bad record after somebody ran SQL on the file.
async fn after(tampering: &str) -> FirstBad {
    let (_directory, path) = chain(None).await;
    assert_eq!(verify(&path, &Evidence::default()).unwrap().records, 6);
    Connection::open(&path).unwrap().execute_batch(tampering).unwrap();
    match verify(&path, &Evidence::default()).unwrap_err() {
        VerifyError::Bad(bad) => bad,
        error @ (VerifyError::Unavailable(_) | VerifyError::File { .. } | VerifyError::Checkpoint(_)) => {
            panic!("{error}")
        }
    }
}

#[tokio::test]
async fn an_untouched_chain_is_verified_and_summed_up() {
    let (_directory, path) = chain(None).await;
    let summary = verify(&path, &Evidence::default()).unwrap();
    assert_eq!((summary.records, summary.calls, summary.is_signed), (6, 2, None));
}

#[tokio::test]
async fn an_id_that_was_only_asked_for_is_no_call() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("tonegate.sqlite");
    let (store, _) =
        Store::open(StoreOptions { least_free: 0, ..StoreOptions::at(&path) }, Timestamp::UNIX_EPOCH).unwrap();
    let access = |call| Entry { kind: Kind::Access, ..proof(call) };
    for entry in [access(1), proof(2), access(2), access(3), proof(3)] {
        store.write(Write::Audit(entry)).await.unwrap();
    }
    let summary = verify(&path, &Evidence::default()).unwrap();
    assert_eq!((summary.records, summary.calls), (5, 2));
}

#[tokio::test]
async fn a_changed_value_is_found_where_it_was_changed() {
    let flip = "UPDATE audit SET record = replace(record, '16000', '15999') WHERE sequence = 3";
    let bad = after(flip).await;
    assert_eq!((bad.sequence, bad.call, bad.fault), (3, Some(Uuid::from_u128(1)), Fault::Altered));
    let flip = "UPDATE audit SET hash = zeroblob(32) WHERE sequence = 4";
    assert_eq!(after(flip).await.sequence, 4);
    let call = "UPDATE audit SET call = '00000000-0000-0000-0000-000000000002' WHERE sequence = 3";
    assert_eq!(after(call).await.fault, Fault::Misplaced);
}

#[tokio::test]
async fn a_removed_record_is_found_with_and_without_renumbering() {
    let bad = after("DELETE FROM audit WHERE sequence = 2").await;
    assert_eq!((bad.sequence, bad.fault), (2, Fault::Missing));
    let renumbered = "DELETE FROM audit WHERE sequence = 2;
        UPDATE audit SET sequence = -sequence WHERE sequence > 2;
        UPDATE audit SET sequence = -sequence - 1 WHERE sequence < 0;";
    let bad = after(renumbered).await;
    assert_eq!((bad.sequence, bad.fault), (2, Fault::Altered));
}

#[tokio::test]
async fn exchanged_records_are_found() {
    let exchange = "UPDATE audit SET sequence = -3 WHERE sequence = 3;
        UPDATE audit SET sequence = 3 WHERE sequence = 4;
        UPDATE audit SET sequence = 4 WHERE sequence = -3;";
    assert_eq!(after(exchange).await.sequence, 3);
}

#[tokio::test]
async fn an_end_cut_off_is_found_by_the_head() {
    let bad = after("DELETE FROM audit WHERE sequence > 4").await;
    assert_eq!((bad.sequence, bad.fault), (4, Fault::HeadDiffers));
    let bad = after("DELETE FROM audit").await;
    assert_eq!((bad.sequence, bad.fault), (0, Fault::HeadDiffers));
    assert_eq!(after("DELETE FROM audit_head").await.fault, Fault::HeadDiffers);
}

#[tokio::test]
async fn text_that_is_no_record_is_found() {
    let bad = after("UPDATE audit SET record = 'x' WHERE sequence = 1").await;
    assert_eq!((bad.sequence, bad.call, bad.fault), (1, None, Fault::Unreadable));
    let spaced = "UPDATE audit SET record = record || ' ' WHERE sequence = 2";
    assert_eq!(after(spaced).await.fault, Fault::Unreadable);
}

/// Without a key a forger can compute every hash anew; the signature is what then tells.
#[tokio::test]
async fn a_chain_forged_from_end_to_end_fails_by_its_signature() {
    let signer = key();
    let evidence = Evidence::of_keys(vec![signer.verifier().clone()]);
    let (_directory, path) = chain(Some(signer)).await;
    assert_eq!(verify(&path, &evidence).unwrap().is_signed, Some(true));
    forge(&Connection::open(&path).unwrap());
    assert!(verify(&path, &Evidence::default()).is_ok(), "the forgery is consistent");
    let Err(VerifyError::Bad(bad)) = verify(&path, &evidence) else { panic!("a forgery was verified") };
    assert_eq!(bad.fault, Fault::BadSignature);
}

#[tokio::test]
async fn an_unsigned_head_or_another_key_is_no_signature() {
    let (_directory, path) = chain(None).await;
    let evidence = || Evidence::of_keys(vec![key().verifier().clone()]);
    assert!(verify(&path, &evidence()).is_err());
    let (_directory, path) = chain(Some(key())).await;
    assert!(verify(&path, &evidence()).is_err());
}

#[test]
fn a_missing_file_says_nothing_about_the_chain() {
    let error = verify(std::path::Path::new("/nonexistent/x"), &Evidence::default()).unwrap_err();
    assert!(matches!(error, VerifyError::Unavailable(_)) && !error.is_bad());
}

/// Cuts off the last record of the chain, which begins a call or continues it, and moves the head.
fn forge(file: &Connection) {
    file.execute_batch("DELETE FROM audit WHERE sequence = 6").unwrap();
    let mut hash = GENESIS;
    for sequence in 1..=5 {
        let record: String =
            file.query_row("SELECT record FROM audit WHERE sequence = ?1", [sequence], |row| row.get(0)).unwrap();
        hash = link(&hash, &record);
    }
    file.execute("UPDATE audit_head SET sequence = 5, hash = ?1", params![hash]).unwrap();
}
