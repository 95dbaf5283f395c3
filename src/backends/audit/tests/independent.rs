//! `deploy/audit/verify.py` was written from `deploy/audit/README.md` in another language, with its own Ed25519; both must agree.

use std::fs;
use std::process::{Command, Output};

use super::mutations::plant;
use super::*;

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
