//! What a look at everything costs in calls, and what one event costs.

use lab::rds::Kind;

use crate::support::Stack;

/// A stack with so many databases that have their backup, half of them clusters when there are many.
async fn settled(many: usize) -> Stack {
    let mut stack = Stack::new();
    for kind in [Kind::Instance, Kind::Cluster] {
        stack.rds().quota(kind, 10_000);
    }
    for number in 0..many {
        let (id, is_cluster) = (format!("d{number}"), number % 2 == 1);
        let setup = if is_cluster { stack.rds().aurora(&id, 0) } else { stack.rds().instance(&id) };
        setup.tag("steward:snapshot", "daily:7").create();
    }
    for _ in 0..many.div_ceil(60) {
        stack.tick().await;
        stack.minutes(10).await;
    }
    assert_eq!(stack.rds().snapshots().iter().filter(|seen| seen.status == "available").count(), many);
    stack.tick().await;
    stack
}

/// Operations of the calls since then, each with how often.
fn counted(stack: &Stack, from: usize) -> Vec<String> {
    let mut operations: Vec<_> =
        stack.calls_of_snapshot(from).into_iter().map(|record| record.call.operation).collect();
    operations.sort();
    let counted = operations.chunk_by(|a, b| a == b);
    counted.map(|same| format!("{} {}", same.len(), same[0])).collect()
}

#[tokio::test]
async fn a_tick_costs_what_its_table_says_however_many_databases_there_are() {
    for (many, pages) in [(1, 1), (40, 1), (250, 2)] {
        let mut stack = settled(many).await;
        let from = stack.calls().len();
        stack.tick().await;
        let expected = [
            format!("{} BatchGetItem", many.div_ceil(100)),
            "1 DescribeAccountAttributes".to_owned(),
            format!("{pages} DescribeDBClusterSnapshots"),
            format!("{pages} DescribeDBClusters"),
            format!("{pages} DescribeDBInstances"),
            format!("{pages} DescribeDBSnapshots"),
            "1 GetItem".to_owned(),
        ];
        assert_eq!(counted(&stack, from), expected, "{many}");
        let invoked = stack.world.invoked().last().unwrap();
        println!("{many} databases: {} calls in {}", stack.calls_of_snapshot(from).len(), invoked.took);
    }
}

#[tokio::test]
async fn one_event_costs_only_its_own_database() {
    let mut stack = settled(40).await;
    let arn = stack.instance("orders", "on-request");
    let from = stack.calls().len();
    stack.request(&arn, "r1");
    stack.minutes(1).await;
    let asked = ["1 BatchGetItem", "1 CreateDBSnapshot", "1 DescribeDBClusters", "1 DescribeDBInstances"];
    let asked: Vec<_> = asked.into_iter().chain(["1 DescribeDBSnapshots", "1 PutItem"]).collect();
    assert_eq!(counted(&stack, from), asked);
    let from = stack.calls().len();
    stack.minutes(10).await;
    let done = ["1 BatchGetItem", "1 DescribeDBClusters", "1 DescribeDBInstances", "2 DescribeDBSnapshots"];
    let done: Vec<_> = done.into_iter().chain(["1 PutEvents", "1 PutItem"]).collect();
    assert_eq!(counted(&stack, from), done);
}

#[tokio::test]
async fn a_tick_over_hundreds_of_databases_that_are_all_due_ends_in_time_and_goes_on_at_the_next() {
    let mut stack = Stack::new();
    stack.rds().quota(Kind::Instance, 10_000);
    for number in 0..250 {
        stack.instance(&format!("d{number}"), "daily:7");
    }
    let mut ticks = 0;
    while stack.rds().snapshots().len() < 250 {
        ticks += 1;
        assert!(ticks < 8, "{}", stack.rds().snapshots().len());
        stack.tick().await;
        stack.minutes(10).await;
    }
    println!("250 databases due at once: {ticks} ticks");
    assert_eq!((stack.rds_writes("Create").len(), stack.kinds(), stack.dead_of_snapshot()), (250, vec![], 0));
}
