//! Alerts in both forms, at their limits.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn alert() -> Alert {
    Alert {
        function: "deploy".into(),
        kind: "rolled-back".into(),
        severity: Severity::Critical,
        title: "shop/backend: the rollout of 1.4.0 failed and was rolled back".into(),
        subject: "shop/backend".into(),
        resource: "arn:aws:ecs:eu-west-1:123456789012:service/shop/backend".into(),
        body: "ECS rolled the service back.".into(),
        next_steps: vec!["Push a fix.".into()],
        facts: vec![("image".into(), "shop/backend:1.4.0".into()), ("digest".into(), "sha256:0f0f".into())],
        sections: Vec::new(),
        thread: "deploy-shop/backend-0f0f".into(),
        runbook: Some("https://wiki.example.com/shop".into()),
    }
}

#[test]
fn an_email_says_what_happened_and_what_to_do() {
    let message = alert().message(AlertFormat::Text);
    assert_eq!(message.subject, "[Steward] shop/backend: the rollout of 1.4.0 failed and was rolled back");
    let expected = "shop/backend: the rollout of 1.4.0 failed and was rolled back

ECS rolled the service back.

  image   shop/backend:1.4.0
  digest  sha256:0f0f

What you can do:
  - Push a fix.

Your runbook: https://wiki.example.com/shop

arn:aws:ecs:eu-west-1:123456789012:service/shop/backend (critical, rolled-back) from Steward deploy
";
    assert_eq!(message.body, expected);
}

#[test]
fn a_chat_notification_has_the_schema_that_amazon_q_reads() {
    let body: Value = serde_json::from_str(&alert().message(AlertFormat::AmazonQ).body).unwrap();
    assert_eq!((&body["version"], &body["source"]), (&"1.0".into(), &"custom".into()));
    assert_eq!(body["content"]["textType"], "client-markdown");
    assert!(body["content"]["description"].as_str().unwrap().contains("*image:* shop/backend:1.4.0"));
    assert_eq!(body["metadata"]["threadId"], "deploy-shop/backend-0f0f");
}

#[test]
fn foreign_text_cannot_mention_the_channel_or_hide_a_link() {
    let mut alert = alert();
    alert.title = "<!channel> & <https://evil.example|click>".into();
    alert.body = "<@U123>".into();
    let body = alert.message(AlertFormat::AmazonQ).body;
    let content: Value = serde_json::from_str::<Value>(&body).unwrap()["content"].clone();
    assert!(
        !content["title"].as_str().unwrap().contains('<') && !content["description"].as_str().unwrap().contains('<')
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]
    #[test]
    fn no_text_however_long_or_strange_exceeds_a_limit_or_breaks_a_character(
        title in "\\PC{0,400}", body in "(\\PC|&|\n){0,20000}", fact in "\\PC{0,5000}",
    ) {
        let mut alert = alert();
        alert.title = title;
        alert.body = body;
        alert.facts = vec![("fact".into(), fact); 20];
        for format in [AlertFormat::Text, AlertFormat::AmazonQ] {
            let message = alert.message(format);
            prop_assert!(message.subject.len() < 100 && message.subject.bytes().all(|b| (32..127).contains(&b)));
            prop_assert!(message.body.len() < 240 * 1024);
        }
        let body: Value = serde_json::from_str(&alert.message(AlertFormat::AmazonQ).body).unwrap();
        prop_assert!(body["content"]["description"].as_str().unwrap().chars().count() <= 8_000 * 2);
    }
}
