//! A push to a service that migrates: first the migration, then the roll, both in the same digest.

use serde_json::json;

use super::scene::{MIGRATE, ON_SHOP_DB, Scene};
use crate::support::{HOST, arn, text};

#[tokio::test]
async fn a_push_is_migrated_first_and_then_rolled_in_the_same_digest() {
    let mut scene = Scene::new();
    let old = scene.service("api", MIGRATE, &[ON_SHOP_DB]).await;
    let (told, new) = (scene.alerts().len(), scene.ship("api", 2));
    scene.seconds(30).await;
    // The task is at it, and nothing else has moved.
    assert_eq!((scene.states(), scene.tasks().len(), scene.schema.version()), (vec!["migrating".to_owned()], 1, 1));
    assert_eq!((scene.running("api"), scene.deployments("api")), (vec![old], 1));
    scene.minutes(20).await;
    assert_eq!((scene.states(), scene.schema.version()), (vec!["migrated".to_owned()], 2));
    assert_eq!((scene.running("api"), scene.deployments("api")), (vec![new.clone()], 2));
    assert_eq!(scene.told_since(told), ["migrate migrated", "deploy rolled-out"]);
    assert_eq!(scene.ledger("shop-db"), [(new.clone(), "migrated".to_owned(), false)]);
    assert_eq!((&scene.lock("shop-db")["holder"], &scene.lock("shop-db")["queue"]), (&json!(null), &json!([])));
    // What migrated is what was rolled, word by word.
    let image = format!("{HOST}/api@{new}");
    let ran = scene.schema.migrations();
    assert_eq!((ran.len(), ran[0].digest.as_str()), (1, new.as_str()));
    let definition =
        scene.account.ecs("DescribeTaskDefinition", json!({ "taskDefinition": "steward-migrate-api" })).unwrap();
    assert_eq!(definition["taskDefinition"]["containerDefinitions"][0]["image"], image.as_str());
    assert!(text(&scene.definition("api")["taskDefinition"]["containerDefinitions"][0]["image"]).contains(&new));
    // And it had ended before the service was touched.
    let update = scene.calls().into_iter().find(|record| record.call.operation == "UpdateService").unwrap();
    assert!(ran[0].ended_at.unwrap() < update.call.at);
}

#[tokio::test]
async fn the_next_push_is_migrated_and_rolled_as_the_first_was() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    for version in 2..5 {
        let new = scene.ship("api", version);
        scene.minutes(20).await;
        assert_eq!((scene.running("api"), scene.schema.version()), (vec![new], version));
    }
    assert_eq!((scene.deployments("api"), scene.schema.migrations().len()), (4, 3));
    // Without steward:database the service's own database is locked, whatever it is.
    assert_eq!(scene.ledger(&arn("api")).len(), 3);
    assert_eq!(scene.told_of_migrations(), ["migrated"; 3]);
}

#[tokio::test]
async fn a_push_that_names_the_same_image_migrates_nothing() {
    let mut scene = Scene::new();
    scene.service("api", MIGRATE, &[]).await;
    let calls = scene.calls_of_migrate(0).len();
    scene.ship("api", 1);
    scene.sweep().await;
    assert_eq!((scene.calls_of_migrate(0).len(), scene.runs().len()), (calls, 0));
}

#[tokio::test]
async fn an_image_of_another_registry_that_is_announced_is_migrated_first() {
    let mut scene = Scene::new();
    scene.service_as("api", MIGRATE, &[ON_SHOP_DB], |setup| setup).await;
    let change = |definition: &mut serde_json::Value| {
        definition["containerDefinitions"][0]["image"] = json!("ghcr.io/acme/api:main");
    };
    scene.account.revise("shop", "api", change).unwrap();
    scene.minutes(20).await;
    let digest = lab::ecr::Build::from("main 2").digest();
    scene.schema.needs(&digest, 2);
    let detail = json!({ "repository": "ghcr.io/acme/api", "tag": "main", "digest": digest });
    scene.say("Image Pushed", &detail);
    scene.minutes(20).await;
    let image = format!("ghcr.io/acme/api@{digest}");
    let definition =
        scene.account.ecs("DescribeTaskDefinition", json!({ "taskDefinition": "steward-migrate-api" })).unwrap();
    assert_eq!(definition["taskDefinition"]["containerDefinitions"][0]["image"], image.as_str());
    assert_eq!((scene.states(), scene.schema.version()), (vec!["migrated".to_owned()], 2));
    assert!(scene.definition("api").to_string().contains(&digest));
}
