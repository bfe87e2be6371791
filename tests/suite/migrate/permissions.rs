//! The role of `migrate` in `template.yaml` against the calls that the real function makes, both ways.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use lab::ecs::{Behaviour, Job};
use lab::steward::{DEPLOY, MIGRATE as FUNCTION};
use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, PLANNED, Scene};
use crate::permissions::{assert_allowed, called};
use crate::support::text;

/// Stories that take every path of `migrate` that calls AWS: a push with a plan and a snapshot of an instance and of a
/// cluster, a task that hangs, one whose call got no answer, a request, a hook, a message that cannot be read.
pub(crate) async fn every_path() -> Vec<Scene> {
    let mut pushed = Scene::new();
    pushed.rds().instance("shop-db").tag("steward:snapshot", "on-request").create();
    pushed.rds().aurora("crm", 1).tag("steward:snapshot", "on-request").create();
    let tagged = |setup: lab::ecs::ServiceSetup| setup.definition("tags", json!([{ "key": "team", "value": "shop" }]));
    let snapshot = ("steward:restore-point", "snapshot");
    pushed.service_as("api", PLANNED, &[ON_SHOP_DB, snapshot], tagged).await;
    pushed.ship("api", 2);
    pushed.minutes(40).await;
    assert_eq!(pushed.states(), ["migrated"]);
    pushed.retag("api", "steward:database", Some("crm"));
    pushed.ship("api", 3);
    pushed.minutes(40).await;
    assert_eq!(pushed.states(), ["migrated"; 2]);

    let mut others = Scene::with(&[("MigrationTimeoutMinutes", "2")]).swept();
    others.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let pause = json!([{ "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"] }]);
    others.meddle("api", &json!({ "deploymentConfiguration": { "lifecycleHooks": pause } }));
    others.ask("api", "r1");
    others.meddle("api", &json!({ "forceNewDeployment": true }));
    others.minutes(10).await;
    others.migration(Job::migrates(&others.schema).ending(Behaviour::Healthy).says(&["hangs"]));
    others.ship("api", 2);
    others.minutes(20).await;
    others.send_migrate("{ not json");
    // Nobody hears what became of the call: it is looked for.
    others.migration(Job::migrates(&others.schema));
    others.account.inject(lab::faults::Plan::default().always("RunTask", lab::faults::Fault::ServerError).chooser());
    others.ask("api", "r2");
    others.world.run_for(SignedDuration::from_mins(90)).await.unwrap();
    others.account.inject(Box::new(|_| lab::faults::Fault::Ok));
    vec![pushed, others]
}

#[tokio::test]
async fn the_role_of_migrate_allows_no_more_and_no_less_than_what_is_called() {
    let mut made = BTreeSet::new();
    for scene in every_path().await {
        called(&scene, FUNCTION, &mut made);
    }
    assert_allowed("MigrateRole", &made);
}

#[tokio::test]
async fn nothing_is_registered_run_or_written_beyond_what_the_role_is_bound_to() {
    for scene in every_path().await {
        for record in scene.calls_of_migrate(0) {
            let input = &record.call.input;
            match record.call.operation.as_str() {
                "RegisterTaskDefinition" => assert!(text(&input["family"]).starts_with("steward-migrate-"), "{input}"),
                "RunTask" => {
                    assert!(text(&input["taskDefinition"]).contains(":task-definition/steward-migrate-"), "{input}");
                }
                "PutItem" => {
                    let key = text(&input["Item"]["pk"]["S"]);
                    assert!(["RUN#", "DATABASE#", "MIGRATE"].iter().any(|start| key.starts_with(start)), "{key}");
                }
                "GetItem" => {
                    let key = text(&input["Key"]["pk"]["S"]);
                    assert!(
                        ["RUN#", "DATABASE#", "MIGRATE", "SERVICE#"].iter().any(|start| key.starts_with(start)),
                        "{key}"
                    );
                }
                "PutEvents" => {
                    let kind = text(&input["Entries"][0]["DetailType"]);
                    assert!(
                        ["Snapshot Requested", "Migration Succeeded", "Migration Failed"].contains(&kind),
                        "{kind}"
                    );
                }
                "UpdateService" | "DeregisterTaskDefinition" | "CreateDBSnapshot" => panic!("{input}"),
                _ => {}
            }
        }
        // And of what `deploy` is newly allowed, it writes nothing of migrate's.
        for record in scene.calls_of(DEPLOY, 0).into_iter().filter(|record| record.call.operation == "PutItem") {
            assert!(text(&record.call.input["Item"]["pk"]["S"]).starts_with("SERVICE#"), "{}", record.call.input);
        }
    }
}
