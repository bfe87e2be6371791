//! Setting a scene in one line per service, and asking what runs.

use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};

#[cfg(test)]
use super::model::Service;
use crate::account::Account;
use crate::context::REGISTRY;
use crate::wire::ApiError;

/// A service to be created, with a task definition of its own.
#[derive(Clone, Debug)]
#[must_use = "nothing exists before `create`"]
pub struct ServiceSetup {
    account: Account,
    cluster: String,
    pub(super) request: Value,
    definition: Value,
    pub(super) containers: Vec<Value>,
}

impl Account {
    /// Creates a cluster, unless it exists.
    pub fn cluster(&self, name: &str) {
        let mut state = self.lock();
        let now = state.context.now;
        state.ecs.clusters.entry(name.to_owned()).or_insert(now);
    }

    /// Sets up a service; its cluster is created if need be. Without more words it runs one task of the image
    /// `NAME:latest` from the account's own registry.
    pub fn service(&self, cluster: &str, name: &str) -> ServiceSetup {
        let request = json!({
            "cluster": cluster,
            "serviceName": name,
            "desiredCount": 1,
            "launchType": "FARGATE",
            "tags": [],
            "deploymentConfiguration": {},
        });
        let definition = json!({
            "family": name,
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
        });
        ServiceSetup { account: self.clone(), cluster: cluster.to_owned(), request, definition, containers: Vec::new() }
    }

    /// Digests of the containers of the service's RUNNING tasks, without repetition, in order.
    pub fn running(&self, cluster: &str, service: &str) -> Vec<String> {
        let state = self.lock();
        let mine = state.ecs.tasks.values().filter(|task| task.is_of(cluster, service));
        let containers = mine.filter(|task| task.is_running()).flat_map(|task| &task.containers);
        let mut digests: Vec<_> = containers.filter_map(|container| container.digest.clone()).collect();
        digests.sort();
        digests.dedup();
        digests
    }

    /// How many service deployments the service has had. A rollback belongs to the one that failed.
    pub fn deployments(&self, cluster: &str, service: &str) -> usize {
        let state = self.lock();
        state.ecs.records.values().filter(|record| record.service.0 == cluster && record.service.1 == service).count()
    }

    /// Statuses of the service's deployments, oldest first: `SUCCESSFUL`, `ROLLBACK_SUCCESSFUL`, `STOPPED`...
    pub fn deployment_statuses(&self, cluster: &str, service: &str) -> Vec<&'static str> {
        let state = self.lock();
        let mut mine: Vec<_> = state
            .ecs
            .records
            .values()
            .filter(|record| record.service.0 == cluster && record.service.1 == service)
            .collect();
        mine.sort_by_key(|record| record.created_at);
        mine.iter().map(|record| record.status).collect()
    }

    /// Whether every service runs what it should and no rollout is under way.
    pub fn is_steady(&self) -> bool {
        self.lock().ecs.services.values().all(|service| service.steady || service.status == "INACTIVE")
    }

    /// Lets time pass until every service is steady, or for six hours. Answers whether they are.
    pub fn settle(&self) -> bool {
        let deadline = self.clock().now() + 6.hours();
        while !self.is_steady() {
            let Some(due) = self.next_due().filter(|due| *due <= deadline) else { return false };
            self.advance_to(due);
        }
        true
    }

    /// Reads a service for assertions.
    #[cfg(test)]
    pub(super) fn inspect<T>(&self, cluster: &str, service: &str, read: impl FnOnce(&Service) -> T) -> Option<T> {
        let key = (cluster.to_owned(), service.to_owned());
        self.lock().ecs.services.get(&key).map(read)
    }

    /// Performs an ECS call beside the API: no fault, no throttle, no record.
    pub fn ecs(&self, operation: &str, input: Value) -> Result<Value, ApiError> {
        let mut state = self.lock();
        let state = &mut *state;
        let call = crate::wire::Call {
            service: "ecs".to_owned(),
            operation: operation.to_owned(),
            input,
            caller: String::new(),
            attempt: 1,
            region: String::new(),
            invocation: String::new(),
            at: state.context.now,
        };
        match state.ecs.call(&mut state.context, &call, false)? {
            crate::wire::Reply::Json(body) => Ok(body),
            crate::wire::Reply::Xml(text) => Ok(text.into()),
        }
    }
}

impl ServiceSetup {
    /// Adds a container of this image; the first is named like the service, others like their image. An image without
    /// a registry is one of the account's own.
    pub fn image(mut self, image: &str) -> Self {
        let own = !image.split('/').next().is_some_and(|host| host.contains(['.', ':']) && image.contains('/'));
        let whole = if own { format!("{REGISTRY}/{image}") } else { image.to_owned() };
        let name = match self.containers.len() {
            0 => self.request["serviceName"].clone(),
            _ => whole.rsplit('/').next().and_then(|last| last.split([':', '@']).next()).unwrap_or("sidecar").into(),
        };
        self.containers.push(json!({"name": name, "image": whole, "essential": true}));
        self
    }

    /// How many tasks it wants.
    pub fn desired(mut self, count: usize) -> Self {
        self.request["desiredCount"] = json!(count);
        self
    }

    /// Circuit breaker on, with or without rollback.
    pub fn breaker(mut self, rollback: bool) -> Self {
        self.request["deploymentConfiguration"]["deploymentCircuitBreaker"] =
            json!({"enable": true, "rollback": rollback});
        self
    }

    /// Runs its tasks on Fargate Spot.
    pub fn spot(mut self) -> Self {
        if let Some(request) = self.request.as_object_mut() {
            request.shift_remove("launchType");
        }
        self.with("capacityProviderStrategy", json!([{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]))
    }

    /// Limits of a rolling update, in percent of the desired count.
    pub fn percent(mut self, minimum_healthy: usize, maximum: usize) -> Self {
        self.request["deploymentConfiguration"]["minimumHealthyPercent"] = json!(minimum_healthy);
        self.request["deploymentConfiguration"]["maximumPercent"] = json!(maximum);
        self
    }

    /// Gives its containers so far a health check.
    pub fn health_check(mut self) -> Self {
        for container in &mut self.containers {
            container["healthCheck"] = json!({"command": ["CMD-SHELL", "true"]});
        }
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        if let Some(tags) = self.request["tags"].as_array_mut() {
            tags.push(json!({"key": key, "value": value}));
        }
        self
    }

    /// Sets any other member of the `CreateService` request.
    pub fn with(mut self, member: &str, value: Value) -> Self {
        self.request[member] = value;
        self
    }

    /// Sets any other member of the `RegisterTaskDefinition` request.
    pub fn definition(mut self, member: &str, value: Value) -> Self {
        self.definition[member] = value;
        self
    }

    /// Creates it; its first rollout begins. Answers the service's ARN.
    pub fn create(mut self) -> Result<String, ApiError> {
        if self.containers.is_empty() {
            let image = format!("{}:latest", self.request["serviceName"].as_str().unwrap_or_default());
            self = self.image(&image);
        }
        self.definition["containerDefinitions"] = Value::Array(self.containers);
        self.account.ecs("CreateCluster", json!({"clusterName": self.cluster}))?;
        let registered = self.account.ecs("RegisterTaskDefinition", self.definition)?;
        self.request["taskDefinition"] = registered["taskDefinition"]["taskDefinitionArn"].clone();
        let created = self.account.ecs("CreateService", self.request)?;
        Ok(created["service"]["serviceArn"].as_str().unwrap_or_default().to_owned())
    }

    /// Creates it and lets time pass until it is steady. The events of that are kept, as all events are.
    pub fn running(self) -> Result<String, ApiError> {
        let account = self.account.clone();
        let arn = self.create()?;
        account.settle();
        account.advance(SignedDuration::from_secs(1));
        Ok(arn)
    }
}
