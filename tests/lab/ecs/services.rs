//! Services: created, updated, deleted, described, listed.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::breaker::Breaker;
use super::model::{Key, Revision, RevisionImage, Service, ServiceDeployment};
use super::{Ecs, client_exception, hooks, tags};
use crate::context::{Context, arn};
use crate::input::{invalid, items, page, required, text, texts};
use crate::wire::ApiError;

/// Members of a request that are not settings of the service.
const NOT_SETTINGS: &[&str] = &[
    "cluster",
    "service",
    "serviceName",
    "desiredCount",
    "taskDefinition",
    "forceNewDeployment",
    "tags",
    "clientToken",
    "role",
    "forceDelete",
];

/// Settings whose change starts a deployment.
const DEPLOYING: &[&str] = &[
    "networkConfiguration",
    "platformVersion",
    "capacityProviderStrategy",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
];

impl Ecs {
    /// The service that `name` (a name or an ARN) means in the cluster of `input`. It must exist.
    pub(super) fn service_key(&self, input: &Value, name: &str) -> Result<Key, ApiError> {
        let cluster = self.cluster(input)?;
        let name = name.rsplit('/').next().unwrap_or(name);
        let key = (cluster.to_owned(), name.to_owned());
        if self.services.contains_key(&key) {
            return Ok(key);
        }
        Err(ApiError::client("ServiceNotFoundException", "Service not found."))
    }

    pub(super) fn create_service(&mut self, context: &mut Context, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster(input)?;
        let key = (cluster.to_owned(), required(input, "serviceName")?.to_owned());
        if self.services.get(&key).is_some_and(|service| service.status != "INACTIVE") {
            return Err(invalid("Creation of service was not idempotent."));
        }
        tags::check(input)?;
        hooks::check(input)?;
        let external = input["deploymentController"]["type"] == "EXTERNAL";
        let definition = match text(input, "taskDefinition") {
            None if external => String::new(),
            _ => self.deployable(required(input, "taskDefinition")?)?,
        };
        let daemon = text(input, "schedulingStrategy") == Some("DAEMON");
        let service = Service {
            arn: arn("ecs", &format!("service/{}/{}", key.0, key.1)),
            key: key.clone(),
            status: "ACTIVE",
            // The one container instance that a daemon would run on.
            desired: if daemon { 1 } else { count(input).unwrap_or(0) },
            task_definition: definition,
            settings: settings(input),
            tags: tags::read(items(input, "tags")),
            created_at: context.now,
            deployments: Vec::new(),
            record: None,
            last_completed: None,
            steady: false,
            notes: VecDeque::new(),
        };
        self.remember(&key, context.now);
        self.services.insert(key.clone(), service);
        if !external {
            self.deploy(context, &key);
        }
        Ok(json!({"service": self.show(&key, true)}))
    }

    pub(super) fn update_service(&mut self, context: &mut Context, input: &Value) -> Result<Value, ApiError> {
        let key = self.service_key(input, required(input, "service")?)?;
        let Some(service) = self.services.get(&key) else {
            return Err(ApiError::client("ServiceNotFoundException", "Service not found."));
        };
        if service.status != "ACTIVE" {
            return Err(ApiError::client("ServiceNotActiveException", "Service was not ACTIVE."));
        }
        hooks::check(input)?;
        let forced = input["forceNewDeployment"].as_bool().unwrap_or(false);
        refuse_controller(service, text(input, "taskDefinition").is_some(), forced)?;
        let definition = match text(input, "taskDefinition") {
            Some(reference) => self.deployable(reference)?,
            None => service.task_definition.clone(),
        };
        let changed = |name: &&str| input.get(*name).is_some_and(|value| service.settings.get(*name) != Some(value));
        let deploys = forced || definition != service.task_definition || DEPLOYING.iter().any(changed);
        self.remember(&key, context.now);
        if let Some(service) = self.services.get_mut(&key) {
            service.desired = count(input).unwrap_or(service.desired);
            service.settings.extend(settings(input));
            service.task_definition = definition;
        }
        if deploys {
            self.deploy(context, &key);
        } else {
            self.schedule(context, &key);
        }
        Ok(json!({"service": self.show(&key, true)}))
    }

    pub(super) fn delete_service(&mut self, context: &mut Context, input: &Value) -> Result<Value, ApiError> {
        let key = self.service_key(input, required(input, "service")?)?;
        let forced = input["force"].as_bool().unwrap_or(false);
        let scaled =
            self.services.get(&key).is_some_and(|s| s.desired > 0 && s.setting(&["schedulingStrategy"]) != "DAEMON");
        if scaled && !forced {
            return Err(invalid("The service cannot be stopped while it is scaled above 0."));
        }
        self.remember(&key, context.now);
        if let Some(service) = self.services.get_mut(&key) {
            (service.status, service.desired) = ("DRAINING", 0);
        }
        let reply = json!({"service": self.show(&key, true)});
        self.schedule(context, &key);
        Ok(reply)
    }

    pub(super) fn describe_services(&self, now: Timestamp, input: &Value, stale: bool) -> Result<Value, ApiError> {
        let cluster = self.cluster(input)?;
        let asked = texts(input, "services");
        if asked.is_empty() {
            return Err(invalid("Services cannot be empty."));
        }
        if asked.len() > 10 {
            return Err(invalid("Too many services requested: the maximum is 10."));
        }
        let tags = texts(input, "include").contains(&"TAGS");
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for asked in asked {
            let name = asked.rsplit('/').next().unwrap_or(asked);
            let key = (cluster.to_owned(), name.to_owned());
            if let Some(service) = self.history.visible(&key, now, stale, &self.services) {
                found.push(super::view::service(self, service, tags));
            } else {
                let missing = arn("ecs", &format!("service/{cluster}/{name}"));
                failures.push(json!({"arn": missing, "reason": "MISSING"}));
            }
        }
        Ok(json!({"services": found, "failures": failures}))
    }

    pub(super) fn list_services(&self, input: &Value) -> Result<Value, ApiError> {
        let cluster = self.cluster(input)?;
        let mine = self.services.values().filter(|service| service.key.0 == cluster && service.status != "INACTIVE");
        let arns = mine.map(|service| service.arn.as_str()).collect();
        let (arns, next) = page(arns, input["maxResults"].as_u64(), (10, 100), text(input, "nextToken"))?;
        Ok(json!({"serviceArns": arns, "nextToken": next}))
    }

    /// Starts a deployment of what the service has now, with a new service revision. It supersedes one under way.
    fn deploy(&mut self, context: &mut Context, key: &Key) {
        let path = format!("{}/{}", key.0, key.1);
        let revision = arn("ecs", &format!("service-revision/{path}/{}", context.ids.digits()));
        let record = arn("ecs", &format!("service-deployment/{path}/{}", context.ids.short()));
        self.with_service(key, |ecs, service| {
            let images = ecs.definition(&service.task_definition).map(images).unwrap_or_default();
            let former = service.record.replace(record.clone()).and_then(|former| ecs.records.get_mut(&former));
            if let Some(former) = former.filter(|former| !former.is_over()) {
                former.set("STOPPED", Some("Service deployment was superseded by a newer one."), context.now);
            }
            let sources: Vec<_> = service.deployments.iter().map(|deployment| deployment.revision.clone()).collect();
            ecs.revisions.insert(
                revision.clone(),
                Revision {
                    service: key.clone(),
                    task_definition: service.task_definition.clone(),
                    images,
                    settings: super::deployments::shown_by_revision(&service.settings),
                    created_at: context.now,
                },
            );
            let breaker = Breaker::of(service);
            let monitoring = if breaker.enabled { ("MONITORING", 0, breaker.threshold) } else { ("DISABLED", 0, 0) };
            ecs.records.insert(
                record.clone(),
                ServiceDeployment {
                    service: key.clone(),
                    status: "IN_PROGRESS",
                    reason: None,
                    target: revision.clone(),
                    sources,
                    created_at: context.now,
                    updated_at: context.now,
                    finished_at: None,
                    rollback: None,
                    breaker: monitoring,
                    stage: 0,
                    hooks: Vec::new(),
                },
            );
            let reason = "ECS deployment in progress.".to_owned();
            ecs.deploy_revision(context, service, &revision, record, reason, false);
            ecs.begin_stages(context, service);
        });
        self.schedule(context, key);
    }

    /// ARN of the task definition that `reference` means, if services may use it.
    fn deployable(&self, reference: &str) -> Result<String, ApiError> {
        let definition = self.definition(reference).map_err(|_| client_exception("TaskDefinition not found."))?;
        if definition.is_active() {
            return Ok(definition.arn.clone());
        }
        Err(client_exception("TaskDefinition is inactive"))
    }

    fn show(&self, key: &Key, tags: bool) -> Option<Value> {
        self.services.get(key).map(|service| super::view::service(self, service, tags))
    }
}

/// The images of a task definition, none of them pulled.
pub(super) fn images(definition: &super::TaskDefinition) -> Vec<RevisionImage> {
    let container = |container: &Value| RevisionImage {
        container: text(container, "name").unwrap_or_default().to_owned(),
        image: text(container, "image").unwrap_or_default().to_owned(),
        digest: None,
        consistent: text(container, "versionConsistency") != Some("disabled"),
    };
    definition.containers().iter().map(container).collect()
}

/// The services that another controller deploys refuse what ECS would do for its own.
fn refuse_controller(service: &Service, definition: bool, forced: bool) -> Result<(), ApiError> {
    let what = match (definition, forced) {
        (true, _) => "update task definition",
        (false, true) => "force a new deployment",
        (false, false) => return Ok(()),
    };
    match service.controller() {
        "CODE_DEPLOY" => Err(invalid(format!(
            "Unable to {what} on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new \
             deployment."
        ))),
        "EXTERNAL" => Err(invalid(format!(
            "Unable to {what} on services with an EXTERNAL deployment controller. Use CreateTaskSet."
        ))),
        _ => Ok(()),
    }
}

fn count(input: &Value) -> Option<usize> {
    input["desiredCount"].as_u64().and_then(|count| usize::try_from(count).ok())
}

fn settings(input: &Value) -> Map<String, Value> {
    let members = input.as_object().into_iter().flatten().filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str()));
    members.map(|(name, value)| (name.clone(), value.clone())).collect()
}
