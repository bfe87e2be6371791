//! What happens to services beside Steward: pipelines deploy, autoscaling scales, containers log.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Result, Stage, answered};
use crate::cast::LOGS;

impl Stage {
    /// The service's own pipeline deploys `IMAGE:TAG` with whatever else `change` does to the container, and waits for the
    /// end of the rollout.
    pub(crate) async fn deploys(&mut self, service: &str, tag: &str, change: impl FnOnce(&mut Value)) -> Result<()> {
        let (cluster, name) = service.split_once('/').unwrap_or_default();
        let image = format!("{}/{name}:{tag}", lab::context::REGISTRY);
        let revised = self.account.revise(cluster, name, |revision| {
            let container = &mut revision["containerDefinitions"][0];
            container["image"] = json!(image);
            change(container);
        });
        answered(revised)?;
        let began = self.now();
        self.settle().await?;
        let took = crate::reading::spoken(self.now().duration_since(began));
        self.aside("CI", service, &format!("deploys {name}:{tag}; within {took} ECS calls the rollout complete"));
        Ok(())
    }

    /// Sets how many tasks a service wants, as autoscaling does.
    pub(crate) fn scale(&self, service: &str, tasks: usize) -> Result<()> {
        let (cluster, name) = service.split_once('/').unwrap_or_default();
        let update = json!({"cluster": cluster, "service": name, "desiredCount": tasks});
        answered(self.account.ecs("UpdateService", update)).map(drop)
    }

    /// Lets time pass in which each new task of the service logs `lines` soon after its start.
    pub(crate) async fn run_logging(&mut self, service: &str, duration: SignedDuration, lines: &[&str]) -> Result<()> {
        let (cluster, name) = service.split_once('/').unwrap_or_default();
        let end = self.now() + duration;
        while self.now() < end {
            let tasks = answered(self.account.ecs("ListTasks", json!({"cluster": cluster, "serviceName": name})))?;
            let arns = tasks["taskArns"].as_array().into_iter().flatten().filter_map(Value::as_str);
            for task in arns.filter_map(|arn| arn.rsplit('/').next()) {
                if self.logged.insert(task.to_owned()) {
                    let stream = format!("{name}/{name}/{task}");
                    for line in lines {
                        self.world.logs().write(LOGS, &stream, self.world.now(), line);
                    }
                }
            }
            self.run_for(SignedDuration::from_secs(20)).await?;
        }
        Ok(())
    }

    /// Whether the team was told, since the act began, of these kinds about these services: as `KIND cluster/service`, in
    /// order.
    pub(crate) fn told(&self, expected: &[&str]) -> bool {
        let word = |alert: &lab::sns::Published, name: &str| alert.attributes.get(name).cloned().unwrap_or_default();
        let told = self.ledger.alerts.iter().map(|alert| format!("{} {}", word(alert, "kind"), word(alert, "subject")));
        told.eq(expected.iter().map(|kind| (*kind).to_owned()))
    }

    /// The text of the first alert since the act began.
    pub(crate) fn first_alert(&self) -> &str {
        self.ledger.alerts.first().map_or("", |alert| alert.message.as_str())
    }
}
