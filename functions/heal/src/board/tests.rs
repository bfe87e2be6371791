//! The board of a cluster and the account's ledger.

use super::*;

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
}

fn subject(name: &str) -> Subject {
    Subject::Service(format!("arn:aws:ecs:eu-west-1:123456789012:service/shop/{name}").parse().unwrap())
}

fn stop(board: &mut Board, name: &str, minute: i64, now: i64) {
    board.note_stop(&subject(name), Class::AppExit, at(minute), at(now));
}

#[test]
fn a_storm_is_three_services_or_ten_stops_of_two_within_five_minutes() {
    for (stops, is_storm) in [
        (vec![("a", 0), ("b", 2), ("c", 5)], true),
        (vec![("a", 0), ("b", 2), ("c", 6)], false),
        (vec![("a", 0); 30], false),
        ([vec![("a", 0); 9], vec![("b", 5)]].concat(), true),
        ([vec![("a", 0); 8], vec![("b", 5)]].concat(), false),
        ([vec![("a", 0); 9], vec![("b", 6)]].concat(), false),
    ] {
        let mut board = Board::default();
        for (name, minute) in &stops {
            stop(&mut board, name, *minute, *minute);
        }
        assert_eq!(board.storm.is_some(), is_storm, "{stops:?}");
    }
}

#[test]
fn a_storm_ends_a_quarter_of_an_hour_after_the_last_time_that_many_failed() {
    let mut board = Board::default();
    for name in ["a", "b", "c"] {
        stop(&mut board, name, 0, 0);
    }
    stop(&mut board, "a", 4, 4);
    stop(&mut board, "a", 10, 10);
    assert!(board.storm(at(18)).is_some() && board.storm(at(19)).is_none());
}

#[test]
fn stops_of_one_service_without_end_take_no_room_without_end() {
    let mut board = Board::default();
    (0..1_000).for_each(|_| stop(&mut board, "a", 0, 0));
    assert_eq!(board.recent["shop/a"].len(), RECENT_LIMIT);
    stop(&mut board, "a", 60, 60);
    assert_eq!(board.recent["shop/a"], [at(60)], "what is old gives way");
}

#[test]
fn a_full_list_of_old_stops_does_not_hide_the_stop_that_makes_a_storm() {
    let mut board = Board::default();
    (0..20).for_each(|_| stop(&mut board, "a", 0, 0));
    stop(&mut board, "a", 6, 6);
    stop(&mut board, "b", 7, 7);
    stop(&mut board, "c", 8, 8);
    assert!(board.storm.is_some(), "{:?}", board.recent);
}

#[test]
fn a_subject_is_listed_from_its_first_incident_on_and_a_job_by_cluster_and_group() {
    let mut board = Board::default();
    board.list(&subject("a"), None);
    assert!(board.open.is_empty());
    let job = Subject::Job(subject("a").cluster(), "family:report".into());
    for subject in [subject("a"), job] {
        assert_eq!(Subject::from(SubjectKey::from(&subject)), subject);
    }
}

#[test]
fn the_ledger_forgets_after_a_day() {
    let entries = |minutes: &[i64]| minutes.iter().map(|minute| (format!("i-{minute}"), at(*minute))).collect();
    let mut ledger = Ledger { asked: entries(&[0, 60]), failed: entries(&[0, 60]) };
    ledger.tidy(at(24 * 60 + 1));
    assert_eq!((ledger.asked, ledger.failed), (entries(&[60]), entries(&[60])));
}

#[test]
fn a_board_on_which_everything_fails_still_fits_into_an_item() {
    let mut board = Board::default();
    for number in 0..3_000 {
        let name = format!("a-service-with-a-rather-long-name-{number:04}");
        stop(&mut board, &name, 0, 0);
        stop(&mut board, &name, 1, 1);
        let entry = Entry { subject: (&subject(&name)).into(), class: Some(Class::AppExit), looping: true, told: true };
        if board.open.len() < LISTED {
            board.open.insert(subject(&name).short(), entry);
        }
    }
    assert_eq!((board.recent.len(), board.storm.as_ref().unwrap().subjects.len()), (LISTED, LISTED));
    let size = serde_json::to_string(&board).unwrap().len();
    assert!(size < 400_000, "{size}");
}
