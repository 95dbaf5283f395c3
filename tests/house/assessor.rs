//! The assessor's pages name paths, commands, settings and alerts that are there, and their programs tell what they should.

use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output},
};

const PAGES: &str = "deploy/pci";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page with its name.
fn pages() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join(PAGES)).unwrap().map(|entry| entry.unwrap().path());
    let pages = entries.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect()
}

/// What stands in backticks, and the commands of shell transcripts.
fn code(page: &str) -> Vec<&str> {
    let (mut found, mut is_block) = (Vec::new(), false);
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if is_block {
            let command = line.trim_start();
            found.extend(command.strip_prefix("$ ").or_else(|| command.strip_prefix("# ")));
        } else {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// The targets of links.
fn links(page: &str) -> impl Iterator<Item = &str> {
    page.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.starts_with("http"))
}

/// The anchor that a heading has.
fn anchor(heading: &str) -> String {
    let kept =
        heading.to_lowercase().chars().filter(|&c| c.is_alphanumeric() || c == ' ' || c == '-').collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn every_link_of_the_assessors_pages_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() >= 8, "the pages are read");
    for (name, page) in &pages {
        for link in links(page) {
            let (path, place) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { root().join(PAGES).join(name) } else { root().join(PAGES).join(path) };
            assert!(target.exists(), "{name}: {link} is not there");
            if !place.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let mut headings =
                    text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
                assert!(headings.any(|heading| anchor(heading) == place), "{name}: {link} has no such heading");
            }
        }
    }
}

#[test]
fn what_the_assessors_pages_name_is_there() {
    let keys = text("src/config/keys.rs");
    let (metrics, alerts) = (text("src/admin/metrics.rs"), text("deploy/prometheus/alerts.yml"));
    let mut named = 0;
    for (name, page) in pages() {
        for word in
            code(&page).into_iter().flat_map(str::split_whitespace).map(|word| word.trim_end_matches([',', ';', ':']))
        {
            let section = word.split(['.', '[']).next().unwrap();
            let is_key = keys.contains(&format!("\"{section}.")) || keys.contains(&format!("\"{section}[]."));
            if ["src/", "deploy/", "config/", "tests/", "benches/", "fuzz/", "examples/"]
                .iter()
                .any(|place| word.starts_with(place))
            {
                assert!(root().join(word).exists(), "{name}: {word} is not there");
            } else if word.starts_with("tonegate_") {
                assert!(metrics.contains(&format!("\"{word}\"")), "{name}: no metric is called {word}");
            } else if is_key && word.contains('.') && !word.contains('/') {
                assert!(keys.contains(&format!("\"{word}")), "{name}: no setting is called {word}");
            } else {
                continue;
            }
            named += 1;
        }
        for alert in
            page.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 8 && word.starts_with("Tonegate"))
        {
            assert!(alerts.contains(&format!("alert: {alert}\n")), "{name}: no alert is called {alert}");
        }
    }
    assert!(named > 60, "the pages are read: {named}");
}

/// What follows a program in a command, word by word.
fn after<'a>(command: &'a str, program: &str) -> Option<Vec<&'a str>> {
    let mut places = command.match_indices(program).map(|(at, _)| at);
    let at = places.find(|&at| at == 0 || command[..at].ends_with(' '))?;
    Some(command[at + program.len()..].split_whitespace().collect())
}

/// Whether each `cargo test` of a command names one test at most before `--`, which is all that cargo takes there.
fn names_one_test(command: &str) -> bool {
    command.split("&&").filter_map(|part| after(part, "cargo test ")).all(|words| {
        let words = words.iter().take_while(|&&word| word != "--").copied();
        let (mut named, mut before) = (0, "");
        for word in words {
            named += usize::from(!word.starts_with('-') && !matches!(before, "-p" | "--test"));
            before = word;
        }
        named <= 1
    })
}

/// `sandbox-processor` is `SandboxProcessor`.
fn variant(word: &str) -> String {
    word.split('-').map(|part| part[..1].to_uppercase() + &part[1..]).collect()
}

#[test]
fn every_command_of_the_assessors_pages_can_be_given() {
    let (arguments, makefile) = (text("src/arguments.rs"), text("Makefile"));
    let vault = text("src/pci/vault/usage.txt");
    let manifest = text("Cargo.toml");
    let card_path = text("src/pci/README.md");
    let (_, checks) = card_path.split_once("## How to check").unwrap();
    let mut given = 0;
    for (name, page) in pages().into_iter().chain([("src/pci/README.md".to_owned(), checks.to_owned())]) {
        for command in code(&page) {
            assert!(names_one_test(command), "{name}: {command}: cargo takes one name before `--`");
            if let Some(words) = after(command, "tonegate ").filter(|_| !command.contains("cargo ")) {
                for word in words.iter().take_while(|word| {
                    word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && !word.starts_with('-')
                }) {
                    let is_there =
                        [" {", "(", ","].iter().any(|end| arguments.contains(&format!("    {}{end}", variant(word))));
                    assert!(is_there, "{name}: tonegate has no command {word}");
                    given += 1;
                }
            }
            for word in command.strip_prefix("tonegate-vault ").unwrap_or_default().split_whitespace() {
                assert!(vault.contains(&format!("{word} ")), "{name}: tonegate-vault has no {word}");
                given += 1;
            }
            if let Some(words) = after(command, "make ") {
                assert!(makefile.contains(&format!("\n{}:", words[0])), "{name}: make has no target {}", words[0]);
                given += 1;
            }
            for (option, word) in after(command, "cargo ").unwrap_or_default().windows(2).map(|pair| (pair[0], pair[1]))
            {
                if option == "-p" {
                    let is_there = word == "tonegate"
                        || manifest.contains(&format!("package = \"{word}\""))
                        || word == "tonegate-vault";
                    assert!(is_there, "{name}: {command}: no package {word}");
                    given += 1;
                }
                if option == "--test" {
                    let place =
                        if word == "process" { "vault/process.rs".to_owned() } else { format!("{word}/main.rs") };
                    assert!(root().join("tests").join(place).exists(), "{name}: {command}: no tests {word}");
                    given += 1;
                }
                if option == "--" && command.contains("--test system") {
                    assert!(
                        root().join("tests/system").join(word).with_extension("rs").exists(),
                        "{name}: {command}: no tests {word}"
                    );
                    given += 1;
                }
            }
        }
    }
    assert!(given > 40, "the commands are read: {given}");
}

#[test]
fn every_requirement_has_a_place_and_a_check_or_an_operator() {
    let page = text("deploy/pci/requirements.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 20, "the table is read");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [requirement, place, check, operator] = cells.as_slice() else { panic!("a row of four cells: {row}") };
        assert!(requirement.starts_with(|c: char| c.is_ascii_digit()), "a requirement begins with its number: {row}");
        assert!(!place.is_empty(), "a requirement is met somewhere: {row}");
        assert!(!check.is_empty() || !operator.is_empty(), "it is checked, or is the operator's: {row}");
    }
}

fn program(name: &str, arguments: &[&str]) -> Output {
    Command::new(root().join(PAGES).join(name)).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_card_number_is_found_wherever_it_lies_and_not_printed() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    // A canary of the sandbox in three ways: plain, parted, and across the end of a block that is read at once.
    let (plain, parted) = ("9999271828459041", "9999 2718 2845 9041");
    let far = |before: usize| [vec![b'x'; before], parted.as_bytes().to_vec(), vec![0; 2_000_000]].concat();
    fs::write(path("plain"), format!("number={plain}\n")).unwrap();
    fs::write(path("far"), far((1 << 20) - 9)).unwrap();
    // None of them is a card: a wrong check digit, a time, too many digits.
    fs::write(path("none"), "9999271828459042 2026-11-29T11:09:09.123456 12345678901234567890123 4242").unwrap();
    // Nor is what a hash holds, wherever a block ends.
    let hash = |digits: &str| format!("\"96b8f00d5ad3d6a8e{digits}a51c0ffee00d5ad3d6a8e11223344aa\"");
    fs::write(path("hash"), format!("{}{}", hash("4853944586088"), far((1 << 20) - 40).len())).unwrap();
    fs::write(path("hashes"), [vec![b'x'; (1 << 20) - 40], hash(plain).into_bytes(), vec![b'x'; 9]].concat()).unwrap();
    // Numbers beside it, as logs have them.
    let beside = [
        ("time", format!("10:15:02 {plain}"), 9),
        ("day", format!("2026-11-29 {plain}"), 11),
        ("expiry", format!("{plain} 12/29"), 0),
        ("code", format!("{plain} 123"), 0),
        ("field", format!("1 {parted} 1230"), 2),
        ("score", plain.replace("2718", "_2718_"), 0),
        ("short", format!("id=ab{plain}cd"), 5),
    ];
    for (name, text, _) in &beside {
        fs::write(path(name), text).unwrap();
    }
    let beside = beside.each_ref().map(|(name, _, place)| (*name, *place));
    for (name, place) in [("plain", 7), ("far", (1 << 20) - 9)].into_iter().chain(beside) {
        let output = program("find-pan", &[&path(name)]);
        assert!(output.status.code() == Some(1) && said(&output).contains(&format!("at byte {place}, 16 digits")));
        assert!(!said(&output).contains("2718"), "the digits are printed");
    }
    for name in ["none", "hash", "hashes"] {
        assert_eq!(program("find-pan", &[&path(name)]).status.code(), Some(0), "{name}");
    }
    assert_eq!(program("find-pan", &[directory.path().to_str().unwrap()]).status.code(), Some(1));
    assert_eq!(program("find-pan", &[&path("missing")]).status.code(), Some(2));
}

#[test]
fn an_open_port_and_a_processor_that_is_reached_break_the_segmentation() {
    let (open, other) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = open.local_addr().unwrap().port().to_string();
    let processor = other.local_addr().unwrap().to_string();
    let tried = |processor: &str, more: &[&str]| {
        let ports = format!("{port}-{port}");
        let given = ["agent", "--gateway", "127.0.0.1", "--processor", processor, "--ports", &ports];
        program("segmentation-test", &[&given, more].concat())
    };
    let nobody = "127.0.0.1:9";
    let held = tried(nobody, &["--allow", &port]);
    assert!(held.status.success() && said(&held).contains("segmentation holds"), "{}", said(&held));
    for (output, what) in [
        (tried(nobody, &[]), format!("port {port} takes a connection from here")),
        (tried(&processor, &["--allow", &port]), "takes a connection from here".to_owned()),
    ] {
        assert!(output.status.code() == Some(1) && said(&output).contains(&what), "{}", said(&output));
        assert!(said(&output).contains("FAIL") && said(&output).contains("does not hold"));
    }
    assert_eq!(tried("127.0.0.1", &[]).status.code(), Some(2), "an address without a port is refused");
    drop(open);
    assert!(tried(nobody, &[]).status.success(), "a port that nobody serves is closed");
}
