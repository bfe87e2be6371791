//! The pages of `examples/` against their templates: tags, roles, and what a Terraform user adds.

use std::collections::BTreeSet;

use lab::template::Stack;
use shared::tags::{DatabaseTags, ServiceTags};

use super::scene::{image, read, tags};
use crate::docs;
use crate::support::text;

/// Every example, with the name of its stack.
fn examples() -> Vec<(&'static str, Stack)> {
    let one = image("clinic/api:1.4.0");
    let repository = image("booking/api");
    let both = [("BackendImage", one.as_str()), ("FrontendImage", one.as_str())];
    let environment = |name| [("Environment", name), ("Repository", repository.as_str())];
    let examples = vec![
        ("backend-behind-nlb", read("backend-behind-nlb", "shop", &[("Image", &one)])),
        ("api-with-database", read("api-with-database", "clinic", &[("Image", &one)])),
        ("two-environments", read("two-environments", "booking-staging", &environment("staging"))),
        ("two-environments", read("two-environments", "booking-prod", &environment("prod"))),
        ("backend-and-frontend", read("backend-and-frontend", "portal", &both)),
        ("release-by-tag", read("release-by-tag", "ml", &[("Image", &one)])),
    ];
    let folders: BTreeSet<_> = examples.iter().map(|(folder, _)| (*folder).to_owned()).collect();
    assert_eq!(folders, docs::folders("examples"));
    examples
}

/// The code of the Terraform part of a page.
fn terraform(page: &str) -> &str {
    page.split("## With Terraform").nth(1).unwrap().split("```hcl\n").nth(1).unwrap().split("```").next().unwrap()
}

#[test]
fn every_service_is_tagged_and_every_tag_can_be_read() {
    for (folder, stack) in examples() {
        for service in stack.of("AWS::ECS::Service") {
            let tags = tags(&service.properties);
            assert!(tags.iter().any(|(key, _)| key == "steward:deploy"), "{folder}: {tags:?}");
            let read = ServiceTags::parse(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
            assert!(read.is_ok(), "{folder}: {read:?}");
        }
        for database in stack.of("AWS::RDS::DBInstance") {
            let tags = tags(&database.properties);
            let read = DatabaseTags::parse(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
            assert!(read.is_ok() && !tags.is_empty(), "{folder}: {read:?}");
        }
    }
}

#[test]
fn the_terraform_of_a_page_sets_the_tags_of_its_template_and_no_others() {
    for (folder, stack) in examples() {
        let page = docs::text(&format!("examples/{folder}/README.md"));
        let code = terraform(&page);
        let resources = stack.of("AWS::ECS::Service").chain(stack.of("AWS::RDS::DBInstance"));
        let all: BTreeSet<(String, String)> = resources.flat_map(|resource| tags(&resource.properties)).collect();
        let keys: BTreeSet<&str> = code.split('"').filter(|word| word.starts_with("steward:")).collect();
        assert_eq!(keys, all.iter().map(|(key, _)| key.as_str()).collect(), "{folder}");
        for (key, value) in &all {
            let line = code.lines().find(|line| line.contains(&format!("\"{key}\""))).unwrap();
            // The name of the database is another resource's.
            let written = if key == "steward:database" { ".identifier".to_owned() } else { format!("\"{value}\"") };
            assert!(line.contains(&written), "{folder}: {line}");
        }
    }
}

#[test]
fn where_steward_may_register_a_revision_terraform_ignores_it_and_the_roles_are_an_output() {
    for (folder, stack) in examples() {
        let page = docs::text(&format!("examples/{folder}/README.md"));
        let registers = |(key, value): &(String, String)| match key.as_str() {
            "steward:mode" => value == "pin",
            "steward:deploy" => value != "follow",
            "steward:heal" => value == "auto" || value == "approve",
            "steward:migrate" => true,
            _ => false,
        };
        let registers =
            stack.of("AWS::ECS::Service").flat_map(|service| tags(&service.properties)).any(|tag| registers(&tag));
        assert_eq!(terraform(&page).contains("ignore_changes = [task_definition]"), registers, "{folder}");
        assert_eq!(
            page.contains("output `PassRoleArns`") || page.contains("outputs `PassRoleArns`"),
            registers,
            "{folder}"
        );
        let roles: BTreeSet<&str> = stack
            .of("AWS::ECS::TaskDefinition")
            .flat_map(|definition| ["TaskRoleArn", "ExecutionRoleArn"].map(|role| text(&definition.properties[role])))
            .filter(|role| !role.is_empty())
            .collect();
        let named = stack.outputs.get("PassRoleArns").map(|arns| arns.split(',').collect::<BTreeSet<_>>());
        assert_eq!(named, registers.then_some(roles), "{folder}");
    }
}

#[test]
fn a_page_has_its_test_and_the_docker_labels_of_its_template() {
    for (folder, stack) in examples() {
        let page = docs::text(&format!("examples/{folder}/README.md"));
        assert!(page.contains(&format!("tests/suite/examples/{}.rs", folder.replace('-', "_"))), "{folder}");
        for definition in stack.of("AWS::ECS::TaskDefinition") {
            let labels = definition.properties["ContainerDefinitions"][0]["DockerLabels"].as_object().cloned();
            for (label, value) in labels.unwrap_or_default() {
                let written = format!("\"{label}\" = \"{}\"", text(&value).replace('"', "\\\""));
                assert!(page.contains(&written), "{folder}: {written}");
            }
        }
    }
}
