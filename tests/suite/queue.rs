//! How long a message that can never be handled holds its group up: less than the five minutes between two sweeps.

use jiff::SignedDuration;
use lab::faults::{Fault, Plan};
use lab::fifo::{Hold, Released};
use serde_json::json;

use crate::support::{Stack, event, pushed};

/// Five minutes, less than which nothing may hold the queue.
const LIMIT: SignedDuration = SignedDuration::from_mins(5);

/// Lets the first message be done or given up, with a push waiting behind it; answers how long it held the group.
async fn held(stack: &mut Stack) -> Hold {
    let name = stack.world.queue("DeployQueue").unwrap().name.clone();
    let before = stack.world.queues().holds(&name).len();
    stack.world.run_for(SignedDuration::from_mins(30)).await.unwrap();
    stack.world.queues().holds(&name)[before].clone()
}

#[tokio::test]
async fn no_message_holds_the_queue_for_five_minutes() {
    println!("{:<46} {:>9}  {:>8}  end", "message", "held", "receives");
    for (what, body, faults) in cases() {
        let (mut stack, _) = Stack::with_backend().await;
        stack.account.inject(faults.chooser());
        stack.enqueue(&body);
        let hold = held(&mut stack).await;
        println!("{what:<46} {:>7.1} s  {:>8}  {:?}", hold.held.as_secs_f64(), hold.receives, hold.released);
        assert!(hold.held < LIMIT, "{what}: {:?}", hold.held);
        assert_eq!((stack.dead().len(), stack.waiting()), (1, 0), "{what}");
        let body_kept = &stack.dead()[0].body;
        assert_eq!(*body_kept, body, "{what}");
    }
}

fn cases() -> Vec<(&'static str, String, Plan)> {
    let none = Plan::default;
    let never = |operation: &str, fault| Plan::default().always(operation, fault);
    vec![
        ("not JSON", "{ not json".to_owned(), none()),
        ("JSON, but no event", "[1, 2]".to_owned(), none()),
        ("an unknown shape", event("aws.ecr", "ECR Image Action", &json!({ "tag": 7 })).to_string(), none()),
        ("not JSON, and the DLQ takes nothing", "{ not json".to_owned(), never("SendMessage", Fault::Denied)),
        ("the DLQ is slow to refuse", "{ not json".to_owned(), never("SendMessage", Fault::ServerError)),
        ("a handler that always fails", pushed("latest").to_string(), never("GetResources", Fault::Denied)),
        ("a handler that is always throttled", pushed("latest").to_string(), never("GetResources", Fault::Throttled)),
        ("a handler that always dies", pushed("latest").to_string(), never("DescribeServices", Fault::CrashBefore)),
        ("AWS answers 500 to everything", pushed("latest").to_string(), never("BatchGetItem", Fault::ServerError)),
    ]
}

/// A call that takes longer than the function may run.
#[tokio::test]
async fn a_handler_that_times_out_does_not_hold_the_queue_for_five_minutes() {
    let (mut stack, _) = Stack::with_backend().await;
    let account = stack.account.clone();
    let stuck = lab::function::InProcess::new(&account.clone(), move |_| {
        let account = account.clone();
        async move {
            account.sleep(SignedDuration::from_hours(1)).await;
            Ok(json!(null))
        }
    });
    stack.world.attach(lab::steward::DEPLOY, Box::new(stuck));
    stack.enqueue(&pushed("latest").to_string());
    let hold = held(&mut stack).await;
    println!("a handler that times out: {:.1} s, {} receives", hold.held.as_secs_f64(), hold.receives);
    assert!(hold.held < LIMIT, "{:?}", hold.held);
    assert_eq!((hold.released, stack.dead().len()), (Released::DeadLettered, 1));
}

#[tokio::test]
async fn a_push_behind_an_unreadable_message_does_not_wait() {
    let (mut stack, _) = Stack::with_backend().await;
    stack.enqueue("{ not json");
    let new = stack.push(&["latest"], "2");
    stack.world.run_for(SignedDuration::from_secs(60)).await.unwrap();
    assert_eq!((stack.running("backend"), stack.dead().len()), (vec![new], 1));
}
