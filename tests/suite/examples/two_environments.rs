//! `examples/two-environments`: one template deployed twice; moving a tag promotes what was tried.

use super::scene::{Deployed, image};
use crate::heal::scene::crash;
use crate::support::Stack;

struct Booking {
    stack: Stack,
    staging: Deployed,
    prod: Deployed,
    first: String,
}

async fn booking() -> Booking {
    let mut stack = Stack::whole(&[("HealMode", "auto")]);
    let first = stack.push_to("booking/api", &["staging", "prod"], "1");
    let repository = image("booking/api");
    let given = |environment| [("Environment", environment), ("Repository", repository.as_str())];
    let staging = stack.create("two-environments", "booking-staging", &given("staging")).await;
    let prod = stack.create("two-environments", "booking-prod", &given("prod")).await;
    let booking = Booking { stack, staging, prod, first };
    assert_eq!(booking.running(), [[booking.first.clone()], [booking.first.clone()]]);
    booking
}

impl Booking {
    fn running(&self) -> [Vec<String>; 2] {
        [&self.staging, &self.prod].map(|one| one.running(&self.stack, "api"))
    }

    fn deployments(&self) -> [usize; 2] {
        [&self.staging, &self.prod].map(|one| one.deployments(&self.stack, "api"))
    }
}

#[tokio::test]
async fn a_push_rolls_staging_and_moving_the_tag_rolls_production_to_the_same_digest() {
    let mut booking = booking().await;
    let new = booking.stack.push_to("booking/api", &["staging"], "2");
    booking.stack.minutes(30).await;
    assert_eq!(booking.running(), [[new.clone()], [booking.first.clone()]]);
    // The same manifest under the other tag, as `put-image` puts it.
    booking.stack.push_to("booking/api", &["prod"], "2");
    booking.stack.minutes(30).await;
    assert_eq!((booking.running(), booking.deployments()), ([vec![new.clone()], vec![new]], [2, 2]));
    let told = ["deploy rolled-out booking-staging/api", "deploy rolled-out booking-prod/api"];
    assert_eq!(booking.stack.told_of_all(0), told);
}

#[tokio::test]
async fn a_crash_in_staging_is_rolled_back_and_one_in_production_waits_for_a_person() {
    let mut booking = booking().await;
    let bad = booking.stack.push_to("booking/api", &["staging"], "2");
    booking.stack.account.script(&bad, crash(1, 5));
    booking.stack.minutes(60).await;
    assert_eq!(booking.running(), [[booking.first.clone()], [booking.first.clone()]]);
    let staging =
        ["deploy rolled-out", "heal rollback-asked", "heal healed"].map(|what| format!("{what} booking-staging/api"));
    assert_eq!(booking.stack.told_of_all(0), staging);

    let bad = booking.stack.push_to("booking/api", &["prod"], "3");
    booking.stack.account.script(&bad, crash(1, 5));
    booking.stack.minutes(12).await;
    assert_eq!(booking.running(), [vec![booking.first.clone()], vec![bad]]);
    let prod = ["deploy rolled-out", "heal crash-loop"].map(|what| format!("{what} booking-prod/api"));
    assert_eq!(booking.stack.told_of_all(3), prod);
    let alert = booking.stack.alerts().pop().unwrap().message;
    assert!(alert.contains("Rollback Approved"), "{alert}");
}

#[tokio::test]
async fn the_two_differ_in_what_the_mapping_says_and_in_nothing_else() {
    let booking = booking().await;
    let shape = |deployed: &Deployed| {
        let (stack, name) = (&deployed.stack, deployed.stack.name.clone());
        let environment = name.rsplit('-').next().unwrap().to_owned();
        let text =
            serde_json::to_string(&stack.resources.iter().map(|one| &one.properties).collect::<Vec<_>>()).unwrap();
        text.replace(&name, "STACK").replace(&environment, "ENVIRONMENT")
    };
    let (staging, prod) = (shape(&booking.staging), shape(&booking.prod));
    let same = |text: &str| {
        let text = text.replace("\"DesiredCount\":1", "COUNT").replace("\"DesiredCount\":3", "COUNT");
        let text = text.replace("\"RetentionInDays\":7", "DAYS").replace("\"RetentionInDays\":90", "DAYS");
        text.replace("\"Value\":\"auto\"", "HEAL").replace("\"Value\":\"approve\"", "HEAL")
    };
    assert_ne!(staging, prod);
    assert_eq!(same(&staging), same(&prod));
}
