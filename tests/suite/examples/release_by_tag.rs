//! `examples/release-by-tag`: versions, pinned by digest; and what a stack update does to them.

use serde_json::{Value, json};

use super::scene::{Deployed, image};
use crate::heal::scene::crash;
use crate::support::{HOST, Stack, text};

struct Ml {
    stack: Stack,
    deployed: Deployed,
    first: String,
}

async fn ml() -> Ml {
    let mut stack = Stack::whole(&[("HealMode", "auto")]);
    let first = stack.push_to("ml/inference", &["1.4.0"], "1.4.0");
    let deployed = stack.create("release-by-tag", "ml", &[("Image", &image("ml/inference:1.4.0"))]).await;
    Ml { stack, deployed, first }
}

impl Ml {
    async fn release(&mut self, version: &str) -> String {
        let digest = self.stack.push_to("ml/inference", &[version], version);
        self.stack.minutes(30).await;
        digest
    }

    fn running(&self) -> Vec<String> {
        self.deployed.running(&self.stack, "inference")
    }

    fn definition(&self) -> Value {
        self.deployed.definition(&self.stack, "inference")
    }

    /// A stack update with another setting, and this version as its image.
    async fn update(&mut self, version: &str) {
        let image = image(&format!("ml/inference:{version}"));
        self.stack.apply(&mut self.deployed, &[("Image", &image), ("Model", "large")]).await;
    }
}

#[tokio::test]
async fn a_newer_version_is_rolled_by_digest_and_nothing_else_of_the_task_definition_is_changed() {
    let mut ml = ml().await;
    let before = ml.definition();
    let new = ml.release("1.5.0").await;
    assert_eq!(
        (ml.running(), ml.stack.told_of_all(0)),
        (vec![new.clone()], vec!["deploy rolled-out ml/inference".to_owned()])
    );
    let mut after = ml.definition();
    assert_eq!(after["containerDefinitions"][0]["image"], format!("{HOST}/ml/inference@{new}"));
    after["containerDefinitions"][0]["image"] = before["containerDefinitions"][0]["image"].clone();
    for changing in ["taskDefinitionArn", "revision", "registeredAt"] {
        assert_ne!(after[changing], before[changing], "{changing}");
        after[changing] = before[changing].clone();
    }
    assert_eq!(after, before);
}

#[tokio::test]
async fn another_major_version_a_prerelease_and_an_older_one_are_not_rolled() {
    let mut ml = ml().await;
    for version in ["2.0.0", "1.5.0-rc.1", "1.3.9", "latest"] {
        ml.release(version).await;
        assert_eq!(ml.running(), [ml.first.as_str()], "{version}");
    }
    assert_eq!((ml.deployed.deployments(&ml.stack, "inference"), ml.stack.told_of_all(0).len()), (1, 0));
}

#[tokio::test]
async fn a_release_that_crashes_is_left_for_good_and_its_successor_is_rolled() {
    let mut ml = ml().await;
    let bad = ml.stack.push_to("ml/inference", &["1.5.0"], "1.5.0");
    ml.stack.account.script(&bad, crash(1, 5));
    ml.stack.minutes(120).await;
    assert_eq!(ml.running(), [ml.first.as_str()]);
    let told = ["deploy rolled-out", "heal rollback-asked", "heal healed"].map(|what| format!("{what} ml/inference"));
    assert_eq!(ml.stack.told_of_all(0), told);
    let fix = ml.release("1.5.1").await;
    assert_eq!(ml.running(), [fix]);
}

#[tokio::test]
async fn a_stack_update_that_names_the_running_version_is_nobodys_change() {
    let mut ml = ml().await;
    let new = ml.release("1.5.0").await;
    ml.update("1.5.0").await;
    assert_eq!(
        (ml.running(), ml.definition()["containerDefinitions"][0]["environment"][0]["value"].clone()),
        (vec![new], json!("large"))
    );
    let newer = ml.release("1.6.0").await;
    assert_eq!(ml.running(), [newer]);
    assert_eq!(ml.definition()["containerDefinitions"][0]["environment"][0]["value"], "large");
    assert_eq!(ml.stack.told_of_all(0), ["deploy rolled-out ml/inference"; 2]);
}

#[tokio::test]
async fn a_stack_update_that_names_an_older_version_is_taken_for_intent_until_the_pin_is_released() {
    let mut ml = ml().await;
    let new = ml.release("1.5.0").await;
    ml.update("1.4.0").await;
    assert_eq!(ml.running(), [ml.first.as_str()]);
    ml.stack.minutes(60).await;
    assert_eq!(ml.running(), [ml.first.as_str()]);
    assert_eq!(ml.stack.told_of_all(1), ["deploy pinned ml/inference"]);
    let service = ml.deployed.arn("inference");
    ml.stack.say("Deploy Requested", &json!({ "service": service, "release-pin": true, "requested-by": "ana" }));
    ml.stack.minutes(30).await;
    assert_eq!(ml.running(), [new]);
    assert!(text(&ml.definition()["containerDefinitions"][0]["image"]).contains("@sha256:"));
}
