//! What is remembered survives being written and read, and does not grow without end.

use shared::alert::{Alert, Severity};

use super::*;
use crate::fixtures::{NOW, after, at, backup, database, request, seen, settings, sweep};
use crate::notice;
use crate::plan::plan;

fn alert(kind: &str) -> Alert {
    Alert { kind: kind.to_owned(), ..notice::failed(&database(&[]), "steward-shop") }
}

#[test]
fn what_was_told_is_told_again_only_when_it_says_something_else() {
    let mut memory = Memory::default();
    for (content, count) in [("a", 1), ("a", 1), ("b", 2), ("a", 3)] {
        memory.tell(content, alert("snapshot-refused"));
        assert_eq!(memory.untold.len(), count, "{content}");
    }
    memory.tell("a", alert("copy-failed"));
    assert_eq!(memory.untold.len(), 4, "each kind for itself");
    assert_eq!(memory.untold[0].severity, Severity::Warning);
}

#[test]
fn the_usual_duration_is_the_median_of_the_last_nine() {
    let mut memory = Memory::default();
    assert_eq!(memory.usual_duration(), None);
    for seconds in [9_000, 9_000, 1, 2, 3, 4, 5, 6, 7, 8, 10_000] {
        memory.took(seconds);
    }
    assert_eq!((memory.durations.len(), memory.usual_duration()), (9, Some(5)));
}

#[test]
fn an_empty_item_and_one_of_an_older_version_are_read_and_a_full_one_comes_back_as_it_was() {
    assert_eq!(serde_json::from_str::<Memory>("{}").unwrap(), Memory::default());
    assert!(serde_json::from_str::<Memory>(r#"{ "wait": 7 }"#).is_err(), "what it cannot mean is no empty memory");
    let mut busy = seen("daily:3", (1..9).map(backup).collect());
    busy.database.status = "modifying".to_owned();
    let first = plan(&settings(), &busy, Some(&request("r-1")), false, at(NOW));
    let later = sweep(&after(&busy, &first), at(NOW) + crate::fixtures::hours(50));
    assert!(later.memory.wait.is_some() && !later.memory.untold.is_empty() && !later.memory.unsent.is_empty());
    let text = serde_json::to_string(&later.memory).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&text).unwrap(), later.memory);
}

#[test]
fn the_item_is_found_by_what_a_rename_does_not_change() {
    let key = Memory::key("db-SHOP");
    assert_eq!((key.pk.as_str(), key.sk.as_str()), ("DATABASE#db-SHOP", "SNAPSHOTS"));
}
