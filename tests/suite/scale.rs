//! Scale: a thousand services under one base image, and sweeps of many services and databases, with calls that take time.
//! `make scale` measures the same with ten thousand, and with the binaries.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use lab::scale::fleet::{Fleet, Mode};
use lab::scale::look::{Look, in_process};
use lab::scale::people::{Habit, Refused, beside};
use lab::scale::roll::{Roll, least, roll};
use lab::scale::stand::Stand;
use lab::scale::{latency, scenes};
use lab::steward::{self, DEPLOY, SNAPSHOT};
use lab::template::Template;

const SERVICES: usize = 1000;

fn template(percent: &str) -> Arc<Template> {
    let parameters = BTreeMap::from([("ApiBudgetPercent".to_owned(), percent.to_owned())]);
    Arc::new(Template::read(include_str!("../../template.yaml"), &parameters).unwrap())
}

async fn push(fleet: Fleet, percent: u8) -> Roll {
    let rolled = roll(&template(&percent.to_string()), &fleet, SignedDuration::from_hours(1)).await.unwrap();
    assert_eq!((rolled.rolled, rolled.updates, rolled.dead), (fleet.services, fleet.services, 0));
    assert!(rolled.throttled.is_empty(), "{:?}", rolled.throttled);
    rolled
}

/// What a push came to, in a line.
fn told(fleet: &Fleet, percent: u8, rolled: &Roll) -> String {
    let (took, longest) = (rolled.took.as_secs_f64(), rolled.longest.as_secs_f64());
    let ratio = rolled.over(least(fleet, percent));
    let turns = rolled.invocations;
    format!("{fleet:?}: {took:.1} s, {ratio:.3} of the least, {turns} invocations, the longest {longest:.1} s")
}

/// What is refused to people who use a little less than the other half, in two ways, and to Steward beside them.
fn refused(rolled: &Roll) -> [Refused; 2] {
    [(1, 420), (24, 10_000)]
        .map(|(at_once, millis)| beside(&rolled.at, Habit { at_once, every: SignedDuration::from_millis(millis) }))
}

#[tokio::test]
async fn one_push_under_a_thousand_services_keeps_the_pace_of_the_budget_and_leaves_people_their_half() {
    let fleet = Fleet { services: SERVICES, clusters: 4, definitions: 10, mode: Mode::Force };
    let rolled = push(fleet, 50).await;
    println!("{}", told(&fleet, 50, &rolled));
    assert!(rolled.over(least(&fleet, 50)) <= 1.05, "{}", rolled.took);
    for refused in refused(&rolled) {
        assert!(refused.asked > 900 && (refused.people, refused.steward) == (0, 0), "{refused:?}");
    }
}

#[tokio::test]
async fn a_budget_of_everything_leaves_people_nothing() {
    let rolled = push(Fleet { services: 300, clusters: 1, definitions: 1, mode: Mode::Force }, 100).await;
    assert!(refused(&rolled).iter().all(|refused| refused.people + refused.steward > 50), "{:?}", refused(&rolled));
}

#[tokio::test]
async fn services_with_a_revision_of_their_own_registered_keep_the_pace_too_and_each_is_registered_once() {
    // More than may be registered at once, and in turn: who need not wait for a registration does not.
    let fleet = Fleet { services: SERVICES, clusters: 4, definitions: 50, mode: Mode::Pin };
    let rolled = push(fleet, 50).await;
    println!("{}", told(&fleet, 50, &rolled));
    assert!(rolled.over(least(&fleet, 50)) <= 1.05, "{}", rolled.took);
    assert_eq!(rolled.calls["ecs:RegisterTaskDefinition"], 50);
}

#[tokio::test]
async fn services_that_share_no_revision_keep_the_pace_of_registrations_and_are_not_looked_at_meanwhile() {
    let fleet = Fleet { services: 60, clusters: 1, definitions: 60, mode: Mode::Pin };
    let rolled = push(fleet, 50).await;
    println!("{}", told(&fleet, 50, &rolled));
    assert!(rolled.over(least(&fleet, 50)) <= 1.05, "{}", rolled.took);
    assert_eq!(rolled.calls["ecs:RegisterTaskDefinition"], 60);
    assert!(rolled.calls["ecs:DescribeServices"] < 20, "{:?}", rolled.calls);
}

async fn swept(stand: &Stand, id: &str) -> Look {
    let spec = stand.function(id).unwrap();
    let mut function = steward::function(&stand.account, &spec).unwrap();
    in_process(stand, &spec, function.as_mut()).await.unwrap()
}

/// Calls of a sweep that finds everything as it should be: `docs/scale.md` has the formula.
async fn at_rest(services: usize) -> Look {
    let stand = Stand::new(&template("50"));
    scenes::at_rest(&stand, services).unwrap();
    stand.account.calls_take(latency::usual);
    let look = swept(&stand, DEPLOY).await;
    let fleet = scenes::fleet(services);
    let batches = fleet.clusters * (services / fleet.clusters).div_ceil(10);
    assert_eq!(look.of("tagging:GetResources"), services.div_ceil(100));
    assert_eq!(look.of("ecs:DescribeServices"), batches);
    assert_eq!(look.of("dynamodb:BatchGetItem"), batches.div_ceil(3));
    assert_eq!(look.of("ecs:DescribeTaskDefinition"), fleet.definitions);
    assert_eq!((look.of("ecr:DescribeImages"), look.of("dynamodb:GetItem")), (1, 1));
    assert!(look.of("ecs:DescribeServiceRevisions") <= batches.div_ceil(3) * 2);
    assert!(look.throttled.is_empty() && look.longest.as_secs() < 110, "{look:?}");
    look
}

#[tokio::test]
async fn a_sweep_at_rest_makes_as_many_calls_as_its_formula_says() {
    for services in [10, 100, SERVICES] {
        println!("{services} services: {:?}", at_rest(services).await);
    }
}

#[tokio::test]
async fn the_first_night_of_many_databases_is_done_in_as_many_sweeps_as_it_takes_and_none_is_cut_off() {
    const DATABASES: usize = 400;
    let stand = Stand::new(&template("50"));
    scenes::databases(&stand, DATABASES);
    stand.account.calls_take(latency::usual);
    let look = swept(&stand, SNAPSHOT).await;
    println!(
        "{DATABASES} databases: {} invocations, {:.1} s, {:?}",
        look.invocations,
        look.took.as_secs_f64(),
        look.calls
    );
    assert_eq!(look.of("rds:CreateDBSnapshot"), DATABASES);
    assert!(look.invocations > 1 && look.longest.as_secs() < 115, "{look:?}");
    stand.account.advance(SignedDuration::from_hours(1));
    // This one notes how long each took.
    swept(&stand, SNAPSHOT).await;
    let rest = swept(&stand, SNAPSHOT).await;
    assert_eq!((rest.invocations, rest.of("rds:CreateDBSnapshot")), (1, 0));
    assert!(rest.total() <= 4 * DATABASES.div_ceil(100) + 10, "{:?}", rest.calls);
}
