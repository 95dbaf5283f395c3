//! Whatever is changed of a chain and its checkpoints, once, is found.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// A chain over three runs, the second of which was killed, with what its checkpoints and its earlier states were.
pub(super) struct Plant {
    pub(super) store: Vec<u8>,
    /// The store as it was after each of its writes, with how many records it had.
    earlier: Vec<(u64, Vec<u8>)>,
    pub(super) notes: Vec<String>,
    pub(super) key: Verifier,
    summary: Summary,
}

const STORE: &str = "tonegate.sqlite";
const FILE: &str = "checkpoints/gateway-1-1970-01-01-run.checkpoints";

/// All of a file that SQLite has.
fn copy(path: &Path) -> Vec<u8> {
    let directory = TempDir::new().unwrap();
    let target = directory.path().join(STORE);
    Connection::open(path).unwrap().execute("VACUUM INTO ?1", [target.to_str().unwrap()]).unwrap();
    fs::read(target).unwrap()
}

fn instance(run: u128) -> Instance {
    let id = Uuid::from_u128(1_000 + run);
    Instance { node: "gateway-1".to_owned(), id, program: "serve", version: "0.1.0", predecessor: None }
}

async fn grow() -> Plant {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(STORE);
    let key_file = directory.path().join("key");
    let key = Signer::create("gateway-1", &key_file).unwrap().verifier().clone();
    let mut earlier = Vec::new();
    for (run, writes) in [(1, "pppcppcs"), (2, "ppcp"), (3, "ppcpp")] {
        let options = StoreOptions {
            signer: Some(Signer::read(&key_file).unwrap()),
            instance: Some(instance(run)),
            least_free: 0,
            commit_deadline: std::time::Duration::from_secs(30),
            ..StoreOptions::at(&path)
        };
        let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
        for (at, write) in writes.chars().enumerate() {
            let stopped = Entry { call: NO_CALL, kind: Kind::LogStopped, details: Details::new(), ..proof(0) };
            let write = match write {
                'p' => Write::Audit(proof(at as u128 % 2 + 1)),
                'c' => Write::Checkpoint { at: Timestamp::UNIX_EPOCH, kept: true, posted: true },
                _ => Write::Audit(stopped),
            };
            store.write(write).await.unwrap();
            earlier.push((store.audit_records().await.unwrap(), copy(&path)));
        }
    }
    let connection = Connection::open(&path).unwrap();
    let mut statement = connection.prepare("SELECT note FROM audit_checkpoints ORDER BY number").unwrap();
    let notes = statement.query_map([], |row| row.get(0)).unwrap().collect::<rusqlite::Result<Vec<String>>>().unwrap();
    let mut plant = Plant { store: copy(&path), earlier, notes, key, summary: empty() };
    plant.summary = judge(&plant.lay(&plant.store, plant.notes.concat().as_bytes()), &plant.key).unwrap();
    plant
}

fn empty() -> Summary {
    let (records, calls, runs, checkpoints) = (0, 0, 0, 0);
    Summary { records, calls, runs, head: GENESIS, is_signed: None, checkpoints, covered: None, remarks: Vec::new() }
}

pub(super) fn plant() -> &'static Plant {
    static PLANT: OnceLock<Plant> = OnceLock::new();
    PLANT.get_or_init(|| {
        let grown = std::thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(grow()));
        grown.join().unwrap()
    })
}

impl Plant {
    /// Writes a store and a file of checkpoints.
    pub(super) fn lay(&self, store: &[u8], checkpoints: &[u8]) -> TempDir {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("checkpoints")).unwrap();
        fs::write(directory.path().join(STORE), store).unwrap();
        fs::write(directory.path().join(FILE), checkpoints).unwrap();
        directory
    }
}

fn judge(directory: &TempDir, key: &Verifier) -> Result<Summary, VerifyError> {
    let evidence = Evidence::gather(vec![key.clone()], &[directory.path().join("checkpoints")])?;
    // Places name the directory, which is another each time; nothing of them is in a summary of what is good.
    let mut summary = verify(&directory.path().join(STORE), &evidence)?;
    summary.remarks.retain(|remark| !matches!(remark, Remark::Cut { .. }));
    Ok(summary)
}

/// What somebody does to a store or its checkpoints.
#[derive(Clone, Debug)]
enum Mutation {
    Record(Index, Index, u8),
    Hash(Index, Index, u8),
    Call(Index),
    Delete(Index),
    DeleteAndRenumber(Index),
    Cut(Index),
    CutWithHead(Index),
    Swap(Index, Index),
    Repeat(Index),
    Head(Index, u8),
    Signature(Index, u8),
    RollBack(Index),
    OwnCheckpoint(Index, Index, u8),
    OwnCheckpointGone(Index),
    Checkpoint(Index, u8),
    CheckpointGone(Index),
    Checkpoints(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let (index, bit) = (any::<Index>, || 0..8_u8);
    prop_oneof![
        (index(), index(), bit()).prop_map(|(row, at, bit)| Mutation::Record(row, at, bit)),
        (index(), index(), bit()).prop_map(|(row, at, bit)| Mutation::Hash(row, at, bit)),
        index().prop_map(Mutation::Call),
        index().prop_map(Mutation::Delete),
        index().prop_map(Mutation::DeleteAndRenumber),
        index().prop_map(Mutation::Cut),
        index().prop_map(Mutation::CutWithHead),
        (index(), index()).prop_map(|(one, other)| Mutation::Swap(one, other)),
        index().prop_map(Mutation::Repeat),
        (index(), bit()).prop_map(|(at, bit)| Mutation::Head(at, bit)),
        (index(), bit()).prop_map(|(at, bit)| Mutation::Signature(at, bit)),
        index().prop_map(Mutation::RollBack),
        (index(), index(), bit()).prop_map(|(row, at, bit)| Mutation::OwnCheckpoint(row, at, bit)),
        index().prop_map(Mutation::OwnCheckpointGone),
        (index(), bit()).prop_map(|(at, bit)| Mutation::Checkpoint(at, bit)),
        index().prop_map(Mutation::CheckpointGone),
        index().prop_map(Mutation::Checkpoints),
    ]
}

fn flip(bytes: &mut [u8], at: Index, bit: u8) {
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
}

/// Changes one column of one row of the store.
fn flip_column(store: &Connection, (table, column, key): (&str, &str, &str), row: i64, at: Index, bit: u8) {
    let read = format!("SELECT CAST({column} AS BLOB), typeof({column}) FROM {table} WHERE {key} = ?1");
    let (mut bytes, kind): (Vec<u8>, String) =
        store.query_row(&read, [row], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    flip(&mut bytes, at, bit);
    let write = format!("UPDATE {table} SET {column} = CAST(?2 AS {kind}) WHERE {key} = ?1");
    store.execute(&write, params![row, bytes]).unwrap();
}

/// Does it; whether anything is different then.
fn mutate(plant: &Plant, directory: &TempDir, mutation: &Mutation) -> bool {
    let store = Connection::open(directory.path().join(STORE)).unwrap();
    let (rows, checkpoints) = (plant.summary.records, plant.notes.len());
    let row = |index: &Index| (index.index(usize::try_from(rows).unwrap()) + 1) as i64;
    let run = |statement: &str| store.execute_batch(statement).unwrap();
    let file = directory.path().join(FILE);
    match mutation {
        Mutation::Record(at, byte, bit) => flip_column(&store, ("audit", "record", "sequence"), row(at), *byte, *bit),
        Mutation::Hash(at, byte, bit) => flip_column(&store, ("audit", "hash", "sequence"), row(at), *byte, *bit),
        Mutation::Call(at) => run(&format!("UPDATE audit SET call = 'x' WHERE sequence = {}", row(at))),
        Mutation::Delete(at) => run(&format!("DELETE FROM audit WHERE sequence = {}", row(at))),
        Mutation::DeleteAndRenumber(at) => run(&format!(
            "DELETE FROM audit WHERE sequence = {0}; UPDATE audit SET sequence = -sequence WHERE sequence > {0};
             UPDATE audit SET sequence = -sequence - 1 WHERE sequence < 0;",
            row(at)
        )),
        Mutation::Cut(at) => run(&format!("DELETE FROM audit WHERE sequence >= {}", row(at))),
        Mutation::CutWithHead(at) => run(&format!(
            "DELETE FROM audit WHERE sequence >= {0}; UPDATE audit_head SET sequence = {0} - 1,
             hash = coalesce((SELECT hash FROM audit WHERE sequence = {0} - 1), zeroblob(32));",
            row(at)
        )),
        Mutation::Swap(one, other) if row(one) == row(other) => return false,
        Mutation::Swap(one, other) => run(&format!(
            "UPDATE audit SET sequence = -1 WHERE sequence = {0}; UPDATE audit SET sequence = {0} WHERE sequence = {1};
             UPDATE audit SET sequence = {1} WHERE sequence = -1;",
            row(one),
            row(other)
        )),
        Mutation::Repeat(at) => run(&format!(
            "INSERT INTO audit SELECT {rows} + 1, call, record, hash FROM audit WHERE sequence = {}",
            row(at)
        )),
        Mutation::Head(at, bit) => flip_column(&store, ("audit_head", "hash", "one"), 1, *at, *bit),
        Mutation::Signature(at, bit) => flip_column(&store, ("audit_head", "signature", "one"), 1, *at, *bit),
        Mutation::RollBack(to) => {
            let covered = plant.summary.covered.unwrap().0;
            let before: Vec<_> = plant.earlier.iter().filter(|(records, _)| *records < covered).collect();
            drop(store);
            fs::write(directory.path().join(STORE), &before[to.index(before.len())].1).unwrap();
        }
        Mutation::OwnCheckpoint(at, byte, bit) => {
            let number = (at.index(checkpoints) + 1) as i64;
            flip_column(&store, ("audit_checkpoints", "note", "number"), number, *byte, *bit);
        }
        Mutation::OwnCheckpointGone(at) if at.index(checkpoints) == 0 => return false, // the oldest may be forgotten
        Mutation::OwnCheckpointGone(at) => {
            run(&format!("DELETE FROM audit_checkpoints WHERE number = {}", at.index(checkpoints) + 1));
        }
        Mutation::Checkpoint(at, bit) => {
            let mut bytes = fs::read(&file).unwrap();
            flip(&mut bytes, *at, *bit);
            fs::write(&file, bytes).unwrap();
        }
        Mutation::CheckpointGone(at) => {
            let mut notes = plant.notes.clone();
            notes.remove(at.index(notes.len()));
            fs::write(&file, notes.concat()).unwrap();
        }
        Mutation::Checkpoints(at) => {
            let length = plant.notes.concat().len();
            fs::write(&file, &plant.notes.concat().as_bytes()[..at.index(length)]).unwrap();
        }
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_one_change_is_found(mutation in mutation()) {
        let plant = plant();
        let directory = plant.lay(&plant.store, plant.notes.concat().as_bytes());
        prop_assume!(mutate(plant, &directory, &mutation));
        // Found is a fault, or another summary: less that is covered, or a checkpoint that has not arrived.
        if let Ok(summary) = judge(&directory, &plant.key) {
            prop_assert_ne!(&summary, &plant.summary, "not found: {:?}", mutation);
        }
    }
}

#[test]
fn a_whole_chain_over_several_runs_is_verified_and_says_how_much_is_covered() {
    let plant = plant();
    let summary = &plant.summary;
    let expected = (plant.earlier.last().unwrap().0, 3, 2, 4);
    assert_eq!((summary.records, summary.runs, summary.calls, summary.checkpoints), expected);
    assert_eq!(summary.covered.unwrap().0, summary.records - 2);
    assert_eq!(summary.is_signed, Some(true));
    assert!(matches!(summary.remarks.as_slice(), [Remark::Killed { .. }]), "{:?}", summary.remarks);
}

fn fault(directory: &TempDir, key: &Verifier) -> FirstBad {
    match judge(directory, key).unwrap_err() {
        VerifyError::Bad(bad) => bad,
        error @ (VerifyError::Unavailable(_) | VerifyError::File { .. } | VerifyError::Checkpoint(_)) => {
            panic!("{error}")
        }
    }
}

#[test]
fn a_store_that_was_rolled_back_is_named_with_its_last_record() {
    let plant = plant();
    let (records, earlier) = &plant.earlier[4];
    let bad = fault(&plant.lay(earlier, plant.notes.concat().as_bytes()), &plant.key);
    assert!(matches!(bad.fault, Fault::RolledBack { .. }) && bad.sequence == *records, "{bad}");
}

/// Who holds the key as well can compute every hash and every signature anew, but not take back what was shipped.
#[test]
fn a_chain_forged_with_the_key_is_found_by_what_was_shipped() {
    let plant = plant();
    let forged = tokio::runtime::Runtime::new().unwrap().block_on(grow());
    let other = Evidence::gather(vec![forged.key.clone(), plant.key.clone()], &[]).unwrap();
    let directory = plant.lay(&forged.store, plant.notes.concat().as_bytes());
    assert!(verify(&directory.path().join(STORE), &other).is_ok(), "the forgery is consistent");
    let keys = vec![forged.key.clone(), plant.key.clone()];
    let shipped = Evidence::gather(keys, &[directory.path().join("checkpoints")]).unwrap();
    let error = verify(&directory.path().join(STORE), &shipped).unwrap_err();
    assert!(error.is_bad(), "{error}");
}

#[test]
fn a_checkpoint_by_another_key_is_named_with_its_place() {
    let plant = plant();
    let stranger = key();
    let text = Note::parse(&plant.notes[0]).unwrap().text.to_owned();
    let directory = plant.lay(&plant.store, stranger.note(&text).as_bytes());
    let error = judge(&directory, &plant.key).unwrap_err();
    assert!(matches!(&error, VerifyError::Checkpoint(bad) if bad.place.contains("line 1")), "{error}");
    let wrong_key = judge(&plant.lay(&plant.store, plant.notes.concat().as_bytes()), stranger.verifier());
    assert!(wrong_key.unwrap_err().is_bad());
}

#[test]
fn a_clock_that_was_set_back_is_told_and_is_no_fault() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(STORE);
    let told = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let options = StoreOptions { least_free: 0, ..StoreOptions::at(&path) };
        let (store, _) = Store::open(options, Timestamp::UNIX_EPOCH).unwrap();
        for seconds in [100, 95, 101, 61, 62] {
            let at = Timestamp::from_second(seconds).unwrap();
            store.write(Write::Audit(Entry { at, ..proof(1) })).await.unwrap();
        }
        verify(&path, &Evidence::default()).unwrap().remarks
    });
    assert!(told.contains(&Remark::ClockBack { sequence: 4, seconds: 40 }) && told.len() == 2, "{told:?}");
}

#[test]
fn a_new_store_goes_on_from_what_the_old_one_was_known_to_be() {
    let plant = plant();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(STORE);
    let old = Checkpoint::parse(Note::parse(plant.notes.last().unwrap()).unwrap().text).unwrap();
    let seen = Predecessor { chain: old.chain, records: old.records, head: old.head };
    let open = |predecessor| {
        let instance = Instance { predecessor, ..instance(9) };
        let options = StoreOptions { instance: Some(instance), least_free: 0, ..StoreOptions::at(&path) };
        Store::open(options, Timestamp::UNIX_EPOCH).unwrap().1.is_rolled_back
    };
    assert!(!open(Some(seen)), "an empty store is no rolled-back one");
    let checkpoints = directory.path().join("checkpoints");
    fs::create_dir(&checkpoints).unwrap();
    fs::write(checkpoints.join("a.checkpoints"), plant.notes.concat()).unwrap();
    let evidence = Evidence::gather(vec![plant.key.clone()], std::slice::from_ref(&checkpoints)).unwrap();
    // The head of this store is not signed: of the fault nothing but that is left.
    let error = verify(&path, &evidence).unwrap_err().to_string();
    assert!(error.contains("the signature of the head is missing"), "{error}");
    // A chain that no opening names is gone, and the next start of a store that lacks what was seen says so.
    fs::remove_file(&path).unwrap();
    for end in ["-wal", "-shm"] {
        fs::remove_file(directory.path().join(format!("{STORE}{end}"))).ok();
    }
    assert!(!open(None));
    let error = verify(&path, &evidence).unwrap_err();
    assert!(matches!(&error, VerifyError::Bad(FirstBad { fault: Fault::ChainGone { .. }, .. })), "{error}");
    assert!(open(Some(seen)), "the chain that was seen is not this one");
    assert!(verify(&path, &Evidence::default()).is_ok());
}

#[test]
fn a_store_whose_file_is_broken_names_the_record_that_cannot_be_read() {
    const PAGE: usize = 4_096;
    let plant = plant();
    let names_a_record = |page: &usize| {
        let mut store = plant.store.clone();
        store[page * PAGE..][..16].fill(0xff);
        let judged = judge(&plant.lay(&store, b""), &plant.key);
        matches!(judged, Err(VerifyError::Bad(FirstBad { fault: Fault::Broken, sequence: 1.., .. })))
    };
    assert!((1..plant.store.len() / PAGE).any(|page| names_a_record(&page)));
}
