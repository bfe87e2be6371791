//! `RunTask` as it goes over the wire: where the task runs, in what, under which name, and what is not said.

use serde_json::{Value, json};

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::{HOST, text};

const SECRET: &str = "hunter2-do-not-tell";

/// The only `RunTask` of a push, and the task definition that it names.
async fn run_of(scene: &mut Scene) -> (Value, Value) {
    scene.ship("api", 2);
    scene.minutes(20).await;
    let mut runs = scene.inputs("RunTask");
    assert_eq!(runs.len(), 1);
    let definition = scene
        .account
        .ecs("DescribeTaskDefinition", json!({ "taskDefinition": runs[0]["taskDefinition"], "include": ["TAGS"] }));
    (runs.remove(0), definition.unwrap())
}

#[tokio::test]
async fn the_task_runs_where_the_service_s_tasks_run_and_under_the_run_s_name() {
    let mut scene = Scene::new();
    let setup = |setup: lab::ecs::ServiceSetup| {
        let setup = setup
            .environment("DATABASE_PASSWORD", SECRET)
            .secret("DATABASE_URL", "shop/db")
            .roles("shop-task", "shop-execution");
        setup.with("platformVersion", json!("1.4.0")).size("1024", "2048")
    };
    scene.service_as("api", MIGRATE, &[ON_SHOP_DB], setup).await;
    let (run, definition) = run_of(&mut scene).await;
    let id = scene.only_run();
    let vpc = json!({ "subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg-db"], "assignPublicIp": "DISABLED" });
    let revision = "arn:aws:ecs:eu-west-1:123456789012:task-definition/steward-migrate-api:1";
    // All of it: what is not here is not said.
    let expected = json!({
        "cluster": "shop", "taskDefinition": revision, "count": 1, "clientToken": format!("{id}-m1"),
        "startedBy": format!("steward/m/{id}/m1"), "launchType": "FARGATE", "platformVersion": "1.4.0",
        "networkConfiguration": { "awsvpcConfiguration": vpc },
        "overrides": { "containerOverrides": [{ "name": "api", "command": ["bin/migrate"] }] },
    });
    assert_eq!(run, expected);
    // Roles, secrets and size come with the revision, which differs in family and image alone.
    let own = scene.definition("api");
    let (mut theirs, mut ours) = (own["taskDefinition"].clone(), definition["taskDefinition"].clone());
    assert!(text(&ours["containerDefinitions"][0]["image"]).starts_with(&format!("{HOST}/api@sha256:")));
    assert!(
        text(&ours["taskRoleArn"]).ends_with("role/shop-task")
            && text(&ours["executionRoleArn"]).ends_with("role/shop-execution")
    );
    for definition in [&mut theirs, &mut ours] {
        for key in ["family", "taskDefinitionArn", "revision", "registeredAt"] {
            definition.as_object_mut().unwrap().shift_remove(key);
        }
        definition["containerDefinitions"][0]["image"] = Value::Null;
    }
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn nothing_secret_stands_in_what_every_event_of_the_task_shows() {
    let mut scene = Scene::new();
    scene.service_as("api", MIGRATE, &[], |setup| setup.environment("DATABASE_PASSWORD", SECRET)).await;
    let (run, definition) = run_of(&mut scene).await;
    assert!(!run.to_string().contains("environment") && !run.to_string().contains(SECRET), "{run}");
    assert!(definition.to_string().contains(SECRET), "the revision has it, as the service's has");
    let kept = json!(scene.world.dynamodb().items(&scene.world.template().tables[0].name)).to_string();
    let told = format!("{:?} {:?}", scene.alerts(), scene.inputs("PutEvents"));
    assert!(!kept.contains(SECRET) && !told.contains(SECRET));
}

#[tokio::test]
async fn a_service_on_spot_is_migrated_on_capacity_that_stays() {
    let mixed = json!([
        { "capacityProvider": "FARGATE_SPOT", "weight": 3, "base": 0 },
        { "capacityProvider": "FARGATE", "weight": 1, "base": 1 },
    ]);
    for (strategy, expected) in [(None, (1, 0)), (Some(mixed), (4, 1))] {
        let mut scene = Scene::new();
        let setup = |setup: lab::ecs::ServiceSetup| match strategy {
            Some(strategy) => setup.spot().with("capacityProviderStrategy", strategy),
            None => setup.spot(),
        };
        scene.service_as("api", MIGRATE, &[], setup).await;
        let (run, _) = run_of(&mut scene).await;
        let stays = json!([{ "capacityProvider": "FARGATE", "weight": expected.0, "base": expected.1 }]);
        assert_eq!((&run["capacityProviderStrategy"], &run["launchType"]), (&stays, &Value::Null));
    }
}

#[tokio::test]
async fn only_the_container_that_migrates_is_essential_so_that_no_other_ends_or_holds_the_task() {
    let mut scene = Scene::new();
    scene.account.push("proxy", &["3"], "proxy").unwrap();
    let restarts = json!({ "enabled": true });
    let setup = |setup: lab::ecs::ServiceSetup| setup.container_member("restartPolicy", restarts).image("proxy:3");
    scene.service_as("api", MIGRATE, &[], setup).await;
    scene.schema.needs(&lab::ecr::Build::from("proxy").digest(), 0);
    let (run, definition) = run_of(&mut scene).await;
    let containers = definition["taskDefinition"]["containerDefinitions"].as_array().unwrap();
    let essential: Vec<_> = containers.iter().map(|one| (text(&one["name"]), one["essential"] == true)).collect();
    assert_eq!((essential, containers[0].get("restartPolicy")), (vec![("api", true), ("proxy", false)], None));
    assert_eq!(run["overrides"]["containerOverrides"].as_array().unwrap().len(), 1);
    assert_eq!(scene.states(), ["migrated"]);
    // The service's own revision keeps what it had.
    let own = scene.definition("api");
    assert_eq!(own["taskDefinition"]["containerDefinitions"][1]["essential"], true);
    assert_eq!(own["taskDefinition"]["containerDefinitions"][0]["restartPolicy"]["enabled"], true);
}

#[tokio::test]
async fn a_service_on_instances_without_interfaces_of_its_own_is_given_no_network() {
    let mut scene = Scene::new();
    let setup = |setup: lab::ecs::ServiceSetup| {
        let setup = setup.with("launchType", json!("EC2")).with("networkConfiguration", Value::Null);
        setup.definition("networkMode", json!("bridge")).definition("requiresCompatibilities", json!(["EC2"]))
    };
    scene.service_as("api", MIGRATE, &[], setup).await;
    let (run, _) = run_of(&mut scene).await;
    assert_eq!(
        (&run["launchType"], &run["networkConfiguration"], &run["platformVersion"]),
        (&json!("EC2"), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn the_tags_of_the_service_s_revision_come_along() {
    let mut scene = Scene::new();
    scene
        .service_as("api", MIGRATE, &[], |setup| setup.definition("tags", json!([{ "key": "cost", "value": "shop" }])))
        .await;
    let (run, definition) = run_of(&mut scene).await;
    assert_eq!(definition["tags"], json!([{ "key": "cost", "value": "shop" }]));
    // StopTask would take a task's own away: it is known by who started it.
    assert_eq!((run.get("tags"), run.get("propagateTags")), (None, None));
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_made_again_under_its_token_and_starts_no_second_task() {
    use lab::faults::{Fault, Plan};
    for fault in [Fault::LostReply, Fault::LostReplyOnce, Fault::CrashAfter, Fault::CrashBefore, Fault::ServerError] {
        let mut scene = Scene::new();
        scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
        scene.account.inject(Plan::default().on("RunTask", 1, fault).chooser());
        let new = scene.ship("api", 2);
        scene.minutes(30).await;
        assert_eq!((scene.running("api"), scene.schema.migrations().len()), (vec![new], 1), "{fault:?}");
        let mut tokens: Vec<_> = scene.inputs("RunTask").iter().map(|input| input["clientToken"].to_string()).collect();
        tokens.dedup();
        assert_eq!((tokens.len(), scene.told_of_migrations()), (1, vec!["migrated".to_owned()]), "{fault:?}");
    }
}

#[tokio::test]
async fn a_call_that_aws_refuses_for_good_is_told_and_not_made_again() {
    use lab::faults::{Fault, Plan};
    for (operation, fault) in [
        ("RunTask", Fault::Denied),
        ("RegisterTaskDefinition", Fault::Denied),
        ("RunTask", Fault::Refused("ClientException", "TaskDefinition is inactive")),
    ] {
        let mut scene = Scene::new();
        let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
        scene.account.inject(Plan::default().always(operation, fault).chooser());
        let told = scene.alerts().len();
        scene.ship("api", 2);
        scene.minutes(60).await;
        assert_eq!(
            (scene.states(), scene.running("api"), scene.told_since(told)),
            (vec!["failed".to_owned()], vec![old], vec!["migrate migration-failed".to_owned()]),
            "{operation} {fault:?}"
        );
        assert!(scene.last_alert().contains(operation), "{}", scene.last_alert());
        assert_eq!((scene.lock("shop-db")["holder"].is_null(), scene.dead_of_migrate()), (true, 0));
    }
}

#[tokio::test]
async fn a_token_that_was_used_before_is_adopted_where_the_task_is_the_run_s_own() {
    for (by_us, state) in [(true, "migrated"), (false, "failed")] {
        let mut scene = Scene::new();
        let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
        // The first try fails, and a second is asked for under the next number.
        scene.migration(super::failed::fails(&scene, 1));
        let new = scene.ship("api", 2);
        scene.minutes(10).await;
        scene.migration(lab::ecs::Job::migrates(&scene.schema));
        let run = scene.only_run();
        // Its token was used a moment ago, with other words.
        let mut call = scene.inputs("RunTask").remove(0);
        let by = if by_us { format!("steward/m/{run}/m2") } else { "somebody".to_owned() };
        (call["clientToken"], call["startedBy"]) = (json!(format!("{run}-m2")), json!(by));
        call["tags"] = json!([{ "key": "by", "value": "hand" }]);
        scene.resolve(&run, "retry");
        scene.account.ecs("RunTask", call).unwrap();
        scene.world.run_for(jiff::SignedDuration::from_mins(20)).await.unwrap();
        let runs = if by_us { new } else { old };
        assert_eq!((scene.states(), scene.running("api")), (vec![state.to_owned()], vec![runs]));
        // Only one task of that number ran, whoever made the call.
        assert_eq!(scene.schema.migrations().len(), 2);
    }
}

#[tokio::test]
async fn a_capacity_provider_of_one_s_own_is_used_as_it_is() {
    let mut scene = Scene::new();
    let strategy = json!([{ "capacityProvider": "shop-asg", "weight": 2, "base": 1 }]);
    let setup = |setup: lab::ecs::ServiceSetup| {
        let setup = setup.spot().with("capacityProviderStrategy", strategy.clone());
        setup.definition("requiresCompatibilities", json!(["EC2"]))
    };
    scene.service_as("api", MIGRATE, &[], setup).await;
    let (run, _) = run_of(&mut scene).await;
    assert_eq!(
        (&run["capacityProviderStrategy"], run.get("launchType"), run.get("platformVersion")),
        (&strategy, None, None)
    );
}
