use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn queue() -> Queue {
    Queue::new(QueueSpec {
        content_deduplication: true,
        visibility: SignedDuration::from_secs(100),
        redrive: Some(("dlq".to_owned(), 2)),
        ..QueueSpec::named("work.fifo")
    })
}

fn send(queue: &mut Queue, seconds: i64, group: &str, body: &str) -> Sent {
    let outgoing = Outgoing { body: body.to_owned(), group: Some(group.to_owned()), ..Outgoing::default() };
    queue.send(at(seconds), outgoing).unwrap()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body.as_str()).collect()
}

#[test]
fn the_same_body_within_five_minutes_is_answered_like_the_first_and_stored_once() {
    let mut queue = queue();
    let first = send(&mut queue, 0, "g", "a");
    assert_eq!(send(&mut queue, 299, "g", "a"), first);
    assert_eq!(queue.messages().len(), 1);
    assert_ne!(send(&mut queue, 300, "g", "a"), first);
    assert_eq!(queue.messages().len(), 2);
}

#[test]
fn a_deduplication_id_outlives_the_delete_of_its_message() {
    let mut queue = queue();
    send(&mut queue, 0, "g", "a");
    let (received, _) = queue.receive(at(1), 1, None);
    queue.delete(at(2), received[0].receipt.as_ref().unwrap());
    send(&mut queue, 3, "g", "a");
    assert!(queue.messages().is_empty());
}

#[test]
fn a_message_in_flight_holds_its_group_and_no_other() {
    let mut queue = queue();
    for (group, body) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        send(&mut queue, 0, group, body);
    }
    let (first, _) = queue.receive(at(1), 1, None);
    assert_eq!(bodies(&first), ["a1"]);
    assert_eq!(bodies(&queue.receive(at(1), 10, None).0), ["b1"]);
    assert!(!queue.is_ready(at(1)));
    queue.delete(at(2), first[0].receipt.as_ref().unwrap());
    assert_eq!(bodies(&queue.receive(at(2), 10, None).0), ["a2"]);
}

#[test]
fn a_batch_has_several_messages_of_one_group_in_order() {
    let mut queue = queue();
    for body in ["1", "2", "3"] {
        send(&mut queue, 0, "g", body);
    }
    assert_eq!(bodies(&queue.receive(at(0), 2, None).0), ["1", "2"]);
    assert!(!queue.is_ready(at(0)));
}

#[test]
fn a_message_that_is_not_deleted_comes_back_and_then_goes_to_the_dead_letters() {
    let mut queue = queue();
    send(&mut queue, 0, "g", "poison");
    send(&mut queue, 1, "g", "next");
    for (seconds, receives) in [(10, 1), (110, 2)] {
        let (received, dead) = queue.receive(at(seconds), 1, None);
        assert_eq!((bodies(&received), received[0].receives, dead.len()), (vec!["poison"], receives, 0));
        assert_eq!(queue.next_due(at(seconds)), Some(at(seconds + 100)));
        assert!(!queue.is_ready(at(seconds + 99)));
    }
    let (received, dead) = queue.receive(at(210), 1, None);
    assert_eq!((bodies(&received), bodies(&dead)), (vec!["next"], vec!["poison"]));
    let hold = &queue.holds()[0];
    assert_eq!((hold.held, hold.receives, hold.released), (SignedDuration::from_secs(200), 2, Released::DeadLettered));
}

#[test]
fn a_receipt_that_is_too_old_deletes_nothing() {
    let mut queue = queue();
    send(&mut queue, 0, "g", "a");
    let (first, _) = queue.receive(at(0), 1, None);
    let receipt = first[0].receipt.clone().unwrap();
    queue.delete(at(100), &receipt);
    let (second, _) = queue.receive(at(100), 1, None);
    assert_eq!(bodies(&second), ["a"]);
    queue.delete(at(101), &receipt);
    assert_eq!(queue.messages().len(), 1);
}

#[test]
fn a_changed_visibility_frees_the_message_early() {
    let mut queue = queue();
    send(&mut queue, 0, "g", "a");
    let receipt = queue.receive(at(0), 1, None).0[0].receipt.clone().unwrap();
    assert!(queue.change_visibility(at(1), &receipt, SignedDuration::ZERO));
    assert!(queue.is_ready(at(1)));
    assert!(!queue.change_visibility(at(1), &receipt, SignedDuration::ZERO));
}

#[test]
fn a_message_older_than_the_retention_is_gone() {
    let mut queue = queue();
    send(&mut queue, 0, "g", "a");
    let end = SignedDuration::from_hours(96).as_secs();
    assert_eq!(queue.receive(at(end), 1, None), (vec![], vec![]));
    assert_eq!(queue.holds()[0].released, Released::Expired);
}

#[test]
fn a_fifo_queue_refuses_a_message_without_group_or_deduplication_id() {
    let mut queue = Queue::new(QueueSpec::named("plain.fifo"));
    assert_eq!(queue.send(at(0), Outgoing::default()), Err(SendError::MissingGroup));
    let grouped = Outgoing { group: Some("g".to_owned()), ..Outgoing::default() };
    assert_eq!(queue.send(at(0), grouped), Err(SendError::MissingDeduplicationId));
}
