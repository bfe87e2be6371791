//! `examples/api-with-database`: a release is migrated, with a snapshot first; backups by the night; people are asked.

use lab::ecs::{Command, Job, SimulatedSchema};
use serde_json::{Value, json};

use super::scene::{Deployed, image};
use crate::heal::scene::crash;
use crate::support::{Stack, text};

struct Clinic {
    stack: Stack,
    deployed: Deployed,
    schema: SimulatedSchema,
    first: String,
}

/// The service runs 1.4.0 on version 1 of the schema.
async fn clinic() -> Clinic {
    let mut stack = Stack::whole(&[("HealMode", "auto")]);
    let schema = SimulatedSchema::at(1);
    stack.account.script_command(Command::exactly(&["bin/migrate"]), Job::migrates(&schema));
    stack.account.script_command(Command::exactly(&["bin/plan"]), Job::plans(&schema));
    let first = stack.push_to("clinic/api", &["1.4.0"], "1.4.0");
    schema.needs(&first, 1);
    let deployed = stack.create("api-with-database", "clinic", &[("Image", &image("clinic/api:1.4.0"))]).await;
    assert_eq!(deployed.running(&stack, "api"), std::slice::from_ref(&first));
    Clinic { stack, deployed, schema, first }
}

impl Clinic {
    /// Pushes a release that needs this version of the schema.
    fn release(&self, tag: &str, version: u32) -> String {
        let digest = self.stack.push_to("clinic/api", &[tag], tag);
        self.schema.needs(&digest, version);
        digest
    }

    fn running(&self) -> Vec<String> {
        self.deployed.running(&self.stack, "api")
    }

    /// The tasks that were asked for: plan, migration, verification.
    fn tasks(&self) -> Vec<String> {
        let by = |input: &Value| text(&input["startedBy"]).rsplit('/').next().unwrap().to_owned();
        self.stack.inputs("RunTask").iter().map(by).collect()
    }

    /// What the alert of this kind names behind a word.
    fn named(&self, kind: &str, word: &str) -> String {
        let alert = self.stack.alerts().into_iter().find(|alert| alert.attributes["kind"] == kind).unwrap();
        let line = alert.message.lines().find_map(|line| line.trim().strip_prefix(word)).unwrap_or_default();
        line.trim().to_owned()
    }
}

#[tokio::test]
async fn a_release_is_planned_snapshotted_migrated_verified_and_rolled_in_one_digest() {
    let mut clinic = clinic().await;
    let (told, taken) = (clinic.stack.alerts().len(), clinic.stack.ours("clinic-db").len());
    let new = clinic.release("1.5.0", 2);
    clinic.stack.minutes(60).await;
    assert_eq!((clinic.tasks(), clinic.schema.version()), (["p1", "m2", "v3"].map(str::to_owned).to_vec(), 2));
    assert_eq!((clinic.running(), clinic.deployed.deployments(&clinic.stack, "api")), (vec![new.clone()], 2));
    let ran = clinic.schema.migrations();
    let snapshots = clinic.stack.ours("clinic-db");
    assert_eq!((ran.len(), &ran[0].digest, snapshots.len()), (1, &new, taken + 1));
    assert_eq!(clinic.stack.told_of_all(told), ["migrate migrated clinic/api", "deploy rolled-out clinic/api"]);
    let migrated = clinic.stack.alerts().into_iter().nth(told).unwrap().message;
    assert!(migrated.contains(&snapshots[taken].id), "{migrated}");
    // It ran as the service does: its network, its roles, its secret.
    let family =
        clinic.stack.account.ecs("DescribeTaskDefinition", json!({ "taskDefinition": "steward-migrate-clinic-api" }));
    let family = family.unwrap()["taskDefinition"].clone();
    let service = clinic.deployed.definition(&clinic.stack, "api");
    for key in ["taskRoleArn", "executionRoleArn"] {
        assert_eq!(family[key], service[key], "{key}");
    }
    assert_eq!(family["containerDefinitions"][0]["secrets"], service["containerDefinitions"][0]["secrets"]);
}

#[tokio::test]
async fn what_destroys_data_waits_for_a_person() {
    let mut clinic = clinic().await;
    clinic.schema.destroys(2);
    let new = clinic.release("1.5.0", 2);
    clinic.stack.minutes(120).await;
    assert_eq!((clinic.running(), clinic.tasks()), (vec![clinic.first.clone()], vec!["p1".to_owned()]));
    assert_eq!(clinic.stack.told_of_all(0), ["migrate migration-approval clinic/api"]);
    let run = clinic.named("migration-approval", "run");
    let detail = json!({ "run": run, "outcome": "approved", "why": "the column is not used", "resolved-by": "ana" });
    clinic.stack.say("Migration Resolved", &detail);
    clinic.stack.minutes(60).await;
    assert_eq!((clinic.running(), clinic.schema.version()), (vec![new], 2));
}

#[tokio::test]
async fn a_migration_that_fails_rolls_nothing() {
    let mut clinic = clinic().await;
    let fails = Job::exits(1).says(&["column patients.born exists"]);
    clinic.stack.account.script_command(Command::exactly(&["bin/migrate"]), fails);
    clinic.release("1.5.0", 2);
    clinic.stack.minutes(60).await;
    assert_eq!((clinic.running(), clinic.deployed.deployments(&clinic.stack, "api")), (vec![clinic.first.clone()], 1));
    assert_eq!(clinic.stack.told_of_all(0), ["migrate migration-failed clinic/api"]);
    assert!(clinic.stack.alerts()[0].message.contains("column patients.born exists"));
}

#[tokio::test]
async fn the_database_has_a_snapshot_for_each_night() {
    let mut clinic = clinic().await;
    clinic.stack.until("2026-11-25T03:00:00Z").await;
    let nights: Vec<String> = clinic.stack.slots("clinic-db").iter().map(|slot| slot[5..10].to_owned()).collect();
    assert_eq!(nights, ["11-20", "11-21", "11-22", "11-23", "11-24", "11-25"]);
    assert_eq!(clinic.stack.told_of_all(0), Vec::<String>::new());
}

#[tokio::test]
async fn a_release_that_crashes_goes_back_when_a_person_says_so() {
    let mut clinic = clinic().await;
    let bad = clinic.release("1.4.1", 1);
    clinic.stack.account.script(&bad, crash(1, 5));
    clinic.stack.minutes(25).await;
    let told = ["deploy rolled-out clinic/api", "heal crash-loop clinic/api"];
    assert_eq!((clinic.stack.told_of_all(0), clinic.running()), (told.map(str::to_owned).to_vec(), vec![bad]));
    let incident = clinic.named("crash-loop", "incident");
    let detail = json!({ "service": clinic.deployed.arn("api"), "incident": incident, "approved-by": "ana" });
    clinic.stack.say("Rollback Approved", &detail);
    clinic.stack.minutes(40).await;
    assert_eq!(clinic.running(), [clinic.first.as_str()]);
    assert_eq!(clinic.stack.told_of_all(2), ["heal rollback-asked clinic/api", "heal healed clinic/api"]);
}

#[tokio::test]
async fn over_a_migration_no_rollback_is_made_even_if_a_person_approves_it() {
    let mut clinic = clinic().await;
    let bad = clinic.release("1.5.0", 2);
    clinic.stack.account.script(&bad, crash(1, 5));
    clinic.stack.minutes(60).await;
    let incident = clinic.named("crash-loop", "incident");
    let detail = json!({ "service": clinic.deployed.arn("api"), "incident": incident, "approved-by": "ana" });
    clinic.stack.say("Rollback Approved", &detail);
    clinic.stack.minutes(20).await;
    assert_eq!(clinic.running(), [bad]);
    let refused = clinic.stack.alerts().into_iter().find(|alert| alert.attributes["kind"] == "rollback-refused");
    let refused = refused.unwrap().message;
    assert!(refused.contains("migrat"), "{refused}");
}
