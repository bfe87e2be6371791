//! What a quiet hour costs, by the number of services and databases: the figures of docs/cost.md.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use lab::account::CallRecord;
use lab::steward::{DEPLOY, HEAL, MIGRATE, SNAPSHOT};
use shared::telemetry::JsonLines;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

use crate::docs;
use crate::support::Stack;

const FUNCTIONS: [&str; 4] = [DEPLOY, HEAL, MIGRATE, SNAPSHOT];

#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<usize>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        *self.0.lock().unwrap() += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What happened in a while.
#[derive(Debug, PartialEq, Eq)]
struct Spent {
    /// Invocations of `deploy`, `heal`, `migrate`, `snapshot`.
    invocations: [usize; 4],
    /// Calls on ECS, ECR, RDS and the tagging API.
    calls: usize,
    /// Items read from the state table.
    read: usize,
    /// Items written to it.
    written: usize,
    /// Bytes of decision records.
    logged: usize,
}

fn items(record: &CallRecord) -> usize {
    let input = &record.call.input;
    let batch = input["RequestItems"].as_object().into_iter().flatten();
    batch.map(|(_, table)| table["Keys"].as_array().map_or(0, Vec::len)).sum::<usize>().max(1)
}

fn spent(stack: &Stack, calls_before: usize, invoked_before: usize, logged: usize) -> Spent {
    let calls: Vec<CallRecord> =
        FUNCTIONS.into_iter().flat_map(|function| stack.calls_of(function, calls_before)).collect();
    let of = |services: &[&str]| calls.iter().filter(|record| services.contains(&record.call.service.as_str())).count();
    let table = |operations: &[&str]| {
        let mine = calls.iter().filter(|record| record.call.service == "dynamodb");
        mine.filter(|record| operations.contains(&record.call.operation.as_str())).map(items).sum()
    };
    let mut invocations = BTreeMap::new();
    for invoked in stack.world.invoked().iter().skip(invoked_before) {
        *invocations.entry(invoked.function.as_str()).or_default() += 1;
    }
    Spent {
        invocations: FUNCTIONS.map(|function| invocations.get(function).copied().unwrap_or_default()),
        calls: of(&["ecs", "ecr", "tagging", "rds"]),
        read: table(&["BatchGetItem", "GetItem", "Query"]),
        written: table(&["PutItem"]),
        logged,
    }
}

/// A quiet hour with so many services, each with a repository of its own, and a tenth as many databases; and one push to one
/// of the services, until it is told.
async fn hour(services: usize) -> [Spent; 2] {
    let logged = Bytes::default();
    let mut stack = Stack::whole(&[]);
    // As the functions log where the parameter LogLevel is left alone.
    let own = ["shared", "deploy", "heal", "snapshot"].map(|target| (target, Level::INFO));
    let filter = Targets::new().with_default(Level::WARN).with_targets(own);
    let lines = JsonLines::new(lab::steward::clock(&stack.account), logged.clone()).with_filter(filter);
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines));
    for number in 0..services {
        let name = format!("service-{number:04}");
        stack.push_to(&name, &["latest"], name.as_str());
        let service = stack.account.service("shop", &name).image(&format!("{name}:latest"));
        service.breaker(true).tag("steward:deploy", "follow").create().unwrap();
    }
    stack.account.take_events();
    for number in 0..services / 10 {
        stack.instance(&format!("database-{number:03}"), "daily:7 weekly:4 monthly:12");
    }
    // The first snapshots are taken, and what a warm function remembers is read.
    stack.world.run_for(SignedDuration::from_hours(2)).await.unwrap();
    let mut marks = Vec::new();
    for step in 0..2 {
        let before = (stack.calls().len(), stack.world.invoked().len(), *logged.0.lock().unwrap());
        if step == 1 {
            for function in ["Deploy", "Heal", "Migrate", "Snapshot"] {
                assert!(stack.world.switch_schedule(&format!("{function}SweepSchedule"), false));
            }
            stack.push_to("service-0000", &["latest"], "newer");
        }
        stack.world.run_for(SignedDuration::from_hours(1)).await.unwrap();
        let bytes = *logged.0.lock().unwrap() - before.2;
        marks.push(spent(&stack, before.0, before.1, bytes));
    }
    marks.try_into().unwrap()
}

/// A number in a cell, with its thousands: `1,152`.
fn number(cell: &str) -> usize {
    cell.replace(',', "").parse().map_err(|_| format!("{cell} is no number")).unwrap()
}

/// The same with decimals.
fn decimal(cell: &str) -> f64 {
    cell.replace(',', "").parse().map_err(|_| format!("{cell} is no number")).unwrap()
}

/// The number in the row of a table that begins so.
fn value(page: &str, heading: &str, what: &str) -> usize {
    let table = docs::table(page, heading);
    number(&table.iter().find(|row| row[0].starts_with(what)).unwrap()[1])
}

#[tokio::test]
async fn a_quiet_hour_and_a_push_cost_what_the_page_says() {
    let page = docs::text("docs/cost.md");
    let (quiet, pushes) = (docs::table(&page, "services | databases"), docs::table(&page, "one push, with"));
    let mut measured = Vec::new();
    for row in &quiet {
        let [hour, push] = hour(number(&row[0])).await;
        println!("{}: {hour:?}\n    one push: {push:?}", row[0]);
        measured.push((row, hour, push));
    }
    for (row, hour, push) in measured {
        assert_eq!(number(&row[1]), number(&row[0]) / 10);
        assert_eq!(number(&row[2]), hour.invocations.iter().sum::<usize>(), "{hour:?}");
        assert_eq!([number(&row[4]), number(&row[5])], [hour.read, hour.written], "{hour:?}");
        // Names that the lab makes up decide which reads share a call.
        assert!(hour.calls.abs_diff(number(&row[3])) <= hour.calls / 50, "{hour:?}");
        let kilobytes = hour.logged.div_ceil(1000);
        assert!(kilobytes.abs_diff(number(&row[6])) <= kilobytes / 50 + 1, "{kilobytes} kB: {hour:?}");
        let told = pushes.iter().find(|told| told[0] == row[0]).unwrap();
        assert_eq!(
            [number(&told[1]), number(&told[3]), number(&told[4])],
            [push.invocations.iter().sum::<usize>(), push.read, push.written],
            "{push:?}"
        );
        assert!(push.calls.abs_diff(number(&told[2])) <= push.calls / 20, "{push:?}");
    }
}

#[test]
fn alarms_dashboards_and_metrics_are_counted_on_the_page() {
    let (page, template) = (docs::text("docs/cost.md"), docs::text("template.yaml"));
    let count = |kind: &str| template.matches(&format!("Type: {kind}\n")).count();
    let said = |what: &str| value(&page, "each month, whatever", what);
    assert_eq!(said("alarms"), count("AWS::CloudWatch::Alarm"));
    assert_eq!(said("dashboards"), count("AWS::CloudWatch::Dashboard"));
    assert_eq!(said("queues that Lambda polls"), template.matches("Type: SQS\n").count());
}

#[test]
fn the_sums_on_the_page_follow_from_its_counts_and_its_prices() {
    let page = docs::text("docs/cost.md");
    let prices: BTreeMap<String, f64> =
        docs::table(&page, "price of").into_iter().map(|row| (row[0].clone(), decimal(&row[1]))).collect();
    let quiet = docs::table(&page, "services | databases");
    let sums = docs::table(&page, "in US dollars");
    for (row, sum) in quiet.iter().zip(&sums) {
        let hours = 730.0;
        let count = |index: usize| decimal(&row[index]);
        let million = |price: &str, count: f64| prices[price] * count / 1e6;
        let run = hours * count(2);
        let seconds = run * decimal(&sum[1]) / 1000.0;
        let lambda =
            million("a million Lambda requests", run) + prices["a GB-second of Lambda, arm64"] * seconds * 0.25;
        let table = million("a million reads of DynamoDB", hours * count(4))
            + million("a million writes of DynamoDB", hours * count(5));
        let logs = prices["a GB of logs"] * (hours * count(6) * 1e3 + run * 1e3) / 1e9;
        let total = lambda + table + logs;
        for (cell, value) in sum[2..].iter().zip([lambda, table, logs, total]) {
            let written = decimal(cell);
            assert!((written - value).abs() < 0.006 + value * 0.01, "{}: {cell} for {value:.3}", row[0]);
        }
    }
}

/// The table never holds what is not a number where numbers are asked for.
#[test]
#[should_panic(expected = "is no number")]
fn a_cell_that_is_no_number_is_found() {
    number("many");
}
