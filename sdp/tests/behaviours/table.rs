//! The table of behaviours: every line has its test or its reason.

use std::collections::BTreeMap;

const TABLE: &str = include_str!("TABLE.tsv");

/// What keeps a behaviour of browsers from being one of a synchronous library's.
const REASONS: [&str; 5] =
    ["promise timing", "garbage collection", "WebIDL conversion", "capture devices", "media"];

/// What is decided otherwise, or is to come.
const DECISIONS: [&str; 17] = [
    "fixed by design: a closing channel takes no messages",
    "fixed by design: a connecting channel on a stream queues messages",
    "fixed by design: a refused description changes nothing",
    "fixed by design: a rejected tagged section does not reject its group",
    "fixed by design: an empty candidate is the end of candidates",
    "fixed by design: an id is given with the agreement alone",
    "fixed by design: an offer rolls ours back",
    "fixed by design: labels have at most 65,535 bytes",
    "fixed by design: max-bundle",
    "fixed by design: no appdata",
    "fixed by design: one DTLS association",
    "fixed by design: one transport",
    "fixed by design: ordering and reliability are one value",
    "fixed by design: rtcp-mux",
    "fixed by design: the DTLS client has the even ids",
    "fixed by design: the section of a stopped transceiver is rejected",
    "issue 5: servers and configuration",
];

/// Class, file, subtest, and the test or the reason.
fn rows() -> impl Iterator<Item = [&'static str; 4]> {
    TABLE.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        columns.try_into().unwrap_or_else(|columns| panic!("{columns:?}"))
    })
}

/// The text of a module of a test file: `module` of `tests/behaviours/{file}.rs` of this crate (`sdp`), or of the whole
/// (`root`).
fn module(package: &str, file: &str, module: &str) -> String {
    let directory = match package {
        "sdp" => "tests",
        "root" => "../tests",
        other => panic!("{other}"),
    };
    let path = format!("{}/{directory}/behaviours/{file}.rs", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let start =
        text.find(&format!("\nmod {module} {{\n")).unwrap_or_else(|| panic!("{path} has no {module}"));
    let text = &text[start..];
    text[..text.find("\n}\n").unwrap()].to_owned()
}

#[test]
fn every_behaviour_of_the_classes_a_and_b_is_in_the_table() {
    let mut classes = BTreeMap::new();
    for [class, ..] in rows() {
        *classes.entry(class).or_insert(0) += 1;
    }
    assert_eq!(classes, BTreeMap::from([("A", 434), ("B", 134)]));
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let mut tests = 0;
    for [_, file, subtest, place] in rows().filter(|row| row[3].contains("::")) {
        let [package, stem, group, name]: [&str; 4] =
            place.split("::").collect::<Vec<_>>().try_into().unwrap();
        let text = module(package, stem, group);
        let is_there = text.contains(&format!("    #[test]\n    fn {name}() {{\n"));
        assert!(is_there, "{file}, {subtest}: no {place}");
        tests += 1;
    }
    assert_eq!(tests, 437);
}

#[test]
fn every_reason_is_from_the_list_and_the_counts_are_told() {
    let mut counts = BTreeMap::new();
    for [_, file, subtest, reason] in rows().filter(|row| !row[3].contains("::")) {
        let known = REASONS.contains(&reason) || DECISIONS.contains(&reason);
        assert!(known, "{file}, {subtest}: {reason}");
        *counts.entry(reason).or_insert(0) += 1;
    }
    for (reason, count) in &counts {
        println!("{count:4} {reason}");
    }
    assert_eq!(counts.values().sum::<usize>(), 568 - 437);
    assert!(DECISIONS.iter().all(|decision| counts.contains_key(decision)), "each is needed");
}
