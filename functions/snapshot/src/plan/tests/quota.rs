//! Quotas of manual snapshots.

use std::collections::BTreeMap;

use shared::arn::Region;
use shared::failure::{CallFailure, FailureKind};

use crate::fixtures::{backup, seen, seen_copied};
use crate::observe::model::{Quota, Quotas, Seen};
use crate::plan::{Standing, quota};

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn judge(used: u64, databases: &[Seen], before: &Standing) -> (u64, Standing) {
    let quotas = Quotas { instances: Quota { used, most: 100 }, clusters: Quota { used: 3, most: 100 } };
    quota(&BTreeMap::from([(region("eu-west-1"), Ok(quotas))]), databases, &region("eu-west-1"), before)
}

fn told(standing: Standing) -> Standing {
    Standing { untold: Vec::new(), ..standing }
}

#[test]
fn four_fifths_are_told_once_and_again_only_after_it_was_below_three_quarters() {
    let mut standing = Standing::default();
    let mut told_at = Vec::new();
    for used in [79, 80, 81, 79, 80, 75, 80, 74, 80, 100, 120] {
        let (percent, after) = judge(used, &[], &standing);
        assert_eq!(percent, used);
        told_at.extend(after.untold.iter().map(|alert| (used, alert.kind.clone())));
        standing = told(after);
    }
    assert_eq!(told_at, [(80, "quota-near".to_owned()), (80, "quota-near".to_owned())]);
}

#[test]
fn a_quota_that_aws_does_not_say_or_that_cannot_be_read_is_no_news_and_keeps_what_was_told() {
    let unknown = Quotas { instances: Quota { used: 90, most: 0 }, clusters: Quota::default() };
    let quotas = BTreeMap::from([(region("eu-west-1"), Ok(unknown))]);
    assert_eq!(quota(&quotas, &[], &region("eu-west-1"), &Standing::default()), (0, Standing::default()));
    let failure = CallFailure {
        operation: "rds:DescribeAccountAttributes",
        resource: "all".to_owned(),
        kind: FailureKind::Denied,
        code: "AccessDenied".to_owned(),
        message: "no".to_owned(),
    };
    let before = told(judge(90, &[], &Standing::default()).1);
    let quotas = BTreeMap::from([(region("eu-west-1"), Err(failure))]);
    assert_eq!(quota(&quotas, &[], &region("eu-west-1"), &before), (0, before));
}

#[test]
fn each_region_and_each_kind_is_told_for_itself_and_the_highest_is_measured() {
    let quotas = |instances, clusters| {
        let of = |used| Quota { used, most: 100 };
        Ok(Quotas { instances: of(instances), clusters: of(clusters) })
    };
    let quotas = BTreeMap::from([(region("eu-west-1"), quotas(85, 90)), (region("eu-central-1"), quotas(10, 99))]);
    let (percent, standing) = quota(&quotas, &[], &region("eu-west-1"), &Standing::default());
    assert_eq!((percent, standing.untold.len(), standing.near.len()), (99, 3, 3));
}

#[test]
fn the_alert_says_whether_what_the_policies_promise_fits() {
    let body = |used, databases: &[Seen]| judge(used, databases, &Standing::default()).1.untold[0].body.clone();
    // 80 there are, one of them ours, and the policy wants seven: 79 and 7.
    let fits = body(80, &[seen("daily:7", vec![backup(0)])]);
    assert!(fits.contains("promise 86 in all, which fits"), "{fits}");
    let not = body(80, &[seen("hourly:24 daily:7", vec![backup(0)])]);
    assert!(not.contains("promise 110 in all: more than there may be"), "{not}");
}

#[test]
fn copies_count_in_the_region_that_they_are_in() {
    let seen = seen_copied("daily:30", vec![backup(0)], vec![]);
    let near = Quotas { instances: Quota { used: 80, most: 100 }, clusters: Quota::default() };
    let quotas = BTreeMap::from([(region("eu-central-1"), Ok(near)), (region("us-east-1"), Ok(near))]);
    let (_, standing) = quota(&quotas, &[seen], &region("eu-west-1"), &Standing::default());
    let bodies: Vec<bool> = standing.untold.iter().map(|alert| alert.body.contains("promise 110")).collect();
    assert_eq!(bodies, [true, false]);
}
