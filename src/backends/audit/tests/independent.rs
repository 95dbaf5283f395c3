//! `deploy/audit/verify.py` was written from `deploy/audit/README.md` in another language, with its own Ed25519; both must agree.

use std::fs;
use std::process::{Command, Output};

use gate::wire::{WipeCause, WipeRecord};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::mutations::plant;
use super::*;
use crate::audit::wipe;

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/audit/verify.py");

fn run(directory: &TempDir, key: &Verifier) -> Output {
    let at = |name: &str| directory.path().join(name);
    fs::write(at("key.pub"), format!("{key}\n")).unwrap();
    let mut command = Command::new("python3");
    command.arg(PROGRAM).arg(at("tonegate.sqlite")).arg("--checkpoints").arg(at("checkpoints"));
    command.arg("--key").arg(at("key.pub")).output().unwrap()
}

#[test]
fn another_verifier_agrees_on_a_good_chain() {
    let plant = plant();
    let output = run(&plant.lay(&plant.store, plant.notes.concat().as_bytes()), &plant.key);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let store = plant.lay(&plant.store, b"");
    let summary = verify(&store.path().join("tonegate.sqlite"), &Evidence::of_keys(vec![plant.key.clone()])).unwrap();
    assert!(said.contains(&to_hex(&summary.head)) && said.contains("4 checkpoints"), "{said}");
}

#[test]
fn another_verifier_finds_what_was_changed() {
    let plant = plant();
    let all = plant.notes.concat();
    let cases = [
        ("UPDATE audit SET record = replace(record, '16000', '16001') WHERE sequence = 2", "record 2"),
        ("DELETE FROM audit WHERE sequence = 3", "record 3"),
        ("UPDATE audit_head SET signature = zeroblob(64)", "signature"),
        ("DELETE FROM audit WHERE sequence > 9", "record 9"),
    ];
    for (statement, named) in cases {
        let directory = plant.lay(&plant.store, all.as_bytes());
        Connection::open(directory.path().join("tonegate.sqlite")).unwrap().execute_batch(statement).unwrap();
        let output = run(&directory, &plant.key);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{statement}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(named), "{statement}: {said}");
    }
    let forged = all.replacen("number 2", "number 3", 1);
    let output = run(&plant.lay(&plant.store, forged.as_bytes()), &plant.key);
    assert_eq!(output.status.code(), Some(3));
    let without = [&plant.notes[0], &plant.notes[2], &plant.notes[3]].map(String::as_str).concat();
    let output = run(&plant.lay(&plant.store, without.as_bytes()), &plant.key);
    assert_eq!(output.status.code(), Some(3), "a checkpoint between others is missing");
}

/// A chain with a vault, and a wipe that it has signed before `change` was made to what is written.
async fn wiped(directory: &TempDir, change: impl FnOnce(&mut WipeRecord)) {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap();
    let mut record = WipeRecord {
        capture: [7; 16],
        cause: WipeCause::Cancelled,
        sequence: 3,
        unix_millis: 1_764_414_754_000,
        signature: [0; 64],
    };
    record.signature = key.sign(&record.signed_bytes()).as_ref().try_into().unwrap();
    change(&mut record);
    let options = StoreOptions { least_free: 0, ..StoreOptions::at(directory.path().join("tonegate.sqlite")) };
    let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
    let public: Hash = key.public_key().as_ref().try_into().unwrap();
    let written = Entry { kind: Kind::CardWiped, details: wipe::details(&record), ..proof(1) };
    for entry in [Entry::vault_started(Timestamp::UNIX_EPOCH, &[1; 32], &public), written] {
        store.write(Write::Audit(entry)).await.unwrap();
    }
}

#[tokio::test]
async fn both_hold_a_wipe_to_its_vault() {
    for (is_good, change) in [
        (true, (|_| ()) as fn(&mut WipeRecord)),
        (false, |record| record.sequence += 1),
        (false, |record| record.unix_millis -= 1),
        (false, |record| record.capture[0] = 0),
        (false, |record| record.cause = WipeCause::Answered),
        (false, |record| record.signature = [1; 64]),
    ] {
        let directory = TempDir::new().unwrap();
        wiped(&directory, change).await;
        let store = directory.path().join("tonegate.sqlite");
        let output = Command::new("python3").arg(PROGRAM).arg(&store).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let status = if is_good { 0 } else { 3 };
        assert_eq!(output.status.code(), Some(status), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(verify(&store, &Evidence::of_keys(vec![])).is_ok(), is_good);
    }
}
