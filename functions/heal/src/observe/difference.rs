//! What two revisions of a task definition differ in, for people. Of environment and secrets the names only: a value may be
//! a secret.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types::{ContainerDefinition, TaskDefinition};

use super::model::{Difference, Image};
use crate::classify::Part;

/// Most lines that are shown; more is read in the console.
const LIMIT: usize = 25;

/// From the last good revision to the one that is concerned.
pub(super) fn difference(
    good: &TaskDefinition,
    now: &TaskDefinition,
    good_images: &BTreeMap<String, Image>,
    now_images: &BTreeMap<String, Image>,
) -> Difference {
    let mut found = Difference::default();
    let role = |label: &str, before: &Option<String>, after: &Option<String>, found: &mut Difference| {
        if line(found, label, before.as_deref(), after.as_deref()) {
            found.parts.insert(Part::Role);
        }
    };
    role("task role", &good.task_role_arn, &now.task_role_arn, &mut found);
    role("execution role", &good.execution_role_arn, &now.execution_role_arn, &mut found);
    line(&mut found, "cpu of the task", good.cpu.as_deref(), now.cpu.as_deref());
    line(&mut found, "memory of the task", good.memory.as_deref(), now.memory.as_deref());
    let platform = |definition: &TaskDefinition| {
        let platform = definition.runtime_platform.as_ref()?.cpu_architecture.as_ref()?;
        Some(platform.as_str().to_owned())
    };
    line(&mut found, "architecture", platform(good).as_deref(), platform(now).as_deref());
    let (before, after) = (by_name(good), by_name(now));
    for (name, after) in &after {
        match before.get(name) {
            Some(before) => container(&mut found, name, before, after),
            None => found.lines.push(format!("container {name} is new")),
        }
        let empty = Image::default();
        let (old, new) = (good_images.get(*name).unwrap_or(&empty), now_images.get(*name).unwrap_or(&empty));
        let digest = |image: &Image| image.digest.as_ref().map(|digest| digest.short().to_owned());
        let show = |image: &Image| match digest(image) {
            Some(digest) => format!("{} ({digest})", image.reference),
            None => image.reference.clone(),
        };
        if old != new && !old.reference.is_empty() && !new.reference.is_empty() {
            found.parts.insert(Part::Image);
            found.lines.push(format!("{name} image: {} -> {}", show(old), show(new)));
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        found.lines.push(format!("container {name} is gone"));
    }
    if found.lines.len() > LIMIT {
        let more = found.lines.len() - LIMIT;
        found.lines.truncate(LIMIT);
        found.lines.push(format!("and {more} more"));
    }
    found
}

fn by_name(definition: &TaskDefinition) -> BTreeMap<&str, &ContainerDefinition> {
    let containers = definition.container_definitions().iter();
    containers.filter_map(|container| Some((container.name.as_deref()?, container))).collect()
}

/// One line if the two differ; whether they do.
fn line(found: &mut Difference, label: &str, before: Option<&str>, after: Option<&str>) -> bool {
    let differs = before != after;
    if differs {
        found.lines.push(format!("{label}: {} -> {}", before.unwrap_or("none"), after.unwrap_or("none")));
    }
    differs
}

fn container(found: &mut Difference, name: &str, before: &ContainerDefinition, after: &ContainerDefinition) {
    let number = |value: Option<i32>| value.map(|value| value.to_string());
    let cpu = |container: &ContainerDefinition| Some(container.cpu.to_string());
    line(found, &format!("{name} cpu"), cpu(before).as_deref(), cpu(after).as_deref());
    line(found, &format!("{name} memory"), number(before.memory).as_deref(), number(after.memory).as_deref());
    let words = |words: &[String]| (!words.is_empty()).then(|| words.join(" "));
    // A command line may carry a secret as well as a value may.
    let shown = |words: Option<String>| words.map(|words| shared::redact::secrets(&words));
    line(
        found,
        &format!("{name} command"),
        shown(words(before.command())).as_deref(),
        shown(words(after.command())).as_deref(),
    );
    let entry = (shown(words(before.entry_point())), shown(words(after.entry_point())));
    line(found, &format!("{name} entry point"), entry.0.as_deref(), entry.1.as_deref());
    let ports = |container: &ContainerDefinition| {
        let ports = container.port_mappings().iter().filter_map(|port| port.container_port);
        Some(ports.map(|port| port.to_string()).collect::<Vec<_>>().join(" ")).filter(|ports| !ports.is_empty())
    };
    if line(found, &format!("{name} ports"), ports(before).as_deref(), ports(after).as_deref()) {
        found.parts.insert(Part::Ports);
    }
    if before.health_check != after.health_check {
        found.parts.insert(Part::Ports);
        found.lines.push(format!("{name} health check changed"));
    }
    if before.log_configuration != after.log_configuration {
        found.parts.insert(Part::Logging);
        found.lines.push(format!("{name} log configuration changed"));
    }
    if before.image != after.image {
        found.parts.insert(Part::Image);
    }
    let environment = |container: &ContainerDefinition| -> BTreeMap<String, String> {
        let pairs = container.environment().iter();
        pairs.filter_map(|pair| Some((pair.name.clone()?, pair.value.clone().unwrap_or_default()))).collect()
    };
    names(found, &format!("{name} environment"), &environment(before), &environment(after));
    let secrets = |container: &ContainerDefinition| -> BTreeMap<String, String> {
        container.secrets().iter().map(|secret| (secret.name.clone(), secret.value_from.clone())).collect()
    };
    if names(found, &format!("{name} secrets"), &secrets(before), &secrets(after)) {
        found.parts.insert(Part::Secrets);
    }
}

/// What was added, removed and changed, by name; whether anything was.
fn names(
    found: &mut Difference,
    label: &str,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> bool {
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changes: Vec<String> = all
        .into_iter()
        .filter_map(|name| match (before.get(name), after.get(name)) {
            (None, Some(_)) => Some(format!("+{name}")),
            (Some(_), None) => Some(format!("-{name}")),
            (before, after) if before != after => Some(format!("{name} changed")),
            _ => None,
        })
        .collect();
    if !changes.is_empty() {
        found.lines.push(format!("{label}: {}", changes.join(", ")));
    }
    !changes.is_empty()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{KeyValuePair, Secret};

    use super::*;

    fn definition(value: &str, secret: &str, command: &str) -> TaskDefinition {
        let container = ContainerDefinition::builder()
            .name("api")
            .command(command)
            .environment(KeyValuePair::builder().name("MODE").value(value).build())
            .secrets(Secret::builder().name("DB_PASSWORD").value_from(secret).build().unwrap())
            .build();
        TaskDefinition::builder().memory("512").container_definitions(container).build()
    }

    #[test]
    fn of_environment_and_secrets_only_names_are_told() {
        let before = definition("hunter22", "arn:aws:ssm:one", "serve");
        let after = definition("hunter33", "arn:aws:ssm:two", "serve --password=hunter44");
        let found = difference(&before, &after, &BTreeMap::new(), &BTreeMap::new());
        let text = found.lines.join("\n");
        assert!(
            found.parts.contains(&Part::Secrets)
                && text.contains("MODE changed")
                && text.contains("DB_PASSWORD changed"),
            "{text}"
        );
        assert!(!text.contains("hunter") && !text.contains("ssm"), "{text}");
    }

    #[test]
    fn the_same_revision_differs_in_nothing_and_a_moved_tag_in_its_digest() {
        let one = definition("a", "b", "c");
        assert_eq!(difference(&one, &one, &BTreeMap::new(), &BTreeMap::new()), Difference::default());
        let image = |digit: &str| {
            let digest = format!("sha256:{}", digit.repeat(64));
            let image = Image { reference: "shop/api:latest".into(), digest: Some(digest.parse().unwrap()) };
            BTreeMap::from([("api".to_owned(), image)])
        };
        let found = difference(&one, &one, &image("1"), &image("2"));
        assert!(found.parts.contains(&Part::Image) && found.lines.len() == 1, "{found:?}");
    }
}
