//! Service deployments and service revisions: the records of rollouts.

use serde_json::{Map, Value, json};

use super::clusters::cluster_arn;
use super::hooks::Hook;
use super::model::{Key, ServiceDeployment};
use super::{Ecs, view};
use crate::context::{Context, arn, epoch};
use crate::input::{invalid, page, required, text, texts};
use crate::wire::ApiError;

impl Ecs {
    pub(super) fn describe_service_revisions(&self, input: &Value) -> Result<Value, ApiError> {
        let asked = at_most_20(input, "serviceRevisionArns")?;
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for asked in asked {
            let Some(revision) = self.revisions.get(asked) else {
                failures.push(json!({"arn": asked, "reason": "MISSING"}));
                continue;
            };
            let images = revision.images.iter().map(|image| {
                let mut shown = json!({"containerName": image.container, "image": image.image});
                if let Some(digest) = &image.digest {
                    shown["imageDigest"] = json!(digest);
                }
                shown
            });
            let mut shown = json!({
                "serviceRevisionArn": asked,
                "serviceArn": service_arn(&revision.service),
                "clusterArn": cluster_arn(&revision.service.0),
                "taskDefinition": revision.task_definition,
                "containerImages": images.collect::<Vec<_>>(),
                "createdAt": epoch(revision.created_at),
            });
            if let Some(shown) = shown.as_object_mut() {
                shown.extend(revision.settings.clone());
            }
            found.push(shown);
        }
        Ok(json!({"serviceRevisions": found, "failures": failures}))
    }

    pub(super) fn describe_service_deployments(&self, input: &Value) -> Result<Value, ApiError> {
        let asked = at_most_20(input, "serviceDeploymentArns")?;
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for asked in asked {
            match self.records.get(asked) {
                Some(record) => found.push(self.show_record(asked, record)),
                None => failures.push(json!({"arn": asked, "reason": "MISSING"})),
            }
        }
        Ok(json!({"serviceDeployments": found, "failures": failures}))
    }

    fn show_record(&self, arn: &str, record: &ServiceDeployment) -> Value {
        let service = self.services.get(&record.service);
        let mut shown = json!({
            "serviceDeploymentArn": arn,
            "serviceArn": service_arn(&record.service),
            "clusterArn": cluster_arn(&record.service.0),
            "createdAt": epoch(record.created_at),
            "startedAt": epoch(record.created_at),
            "updatedAt": epoch(record.updated_at),
            "status": record.status,
            "sourceServiceRevisions": record.sources.iter().map(|revision| self.tasks_of(record, revision)).collect::<Vec<_>>(),
            "targetServiceRevision": self.tasks_of(record, &record.target),
            "deploymentCircuitBreaker": {
                "status": record.breaker.0,
                "failureCount": record.breaker.1,
                "threshold": record.breaker.2,
            },
        });
        // A service without a word of it has the defaults, here as in DescribeServices.
        if let Some(service) = service {
            shown["deploymentConfiguration"] = view::deployment_configuration(service);
        }
        if let Some(reason) = &record.reason {
            shown["statusReason"] = json!(reason);
        }
        if let Some(at) = record.finished_at {
            shown[if record.status == "STOPPED" { "stoppedAt" } else { "finishedAt" }] = epoch(at);
        }
        let configured = service.map(|service| service.setting(&["deploymentConfiguration", "lifecycleHooks"]));
        if configured.is_some_and(Value::is_array) || !record.hooks.is_empty() {
            shown["lifecycleStage"] = json!(record.stage());
            shown["lifecycleHookDetails"] = record.hooks.iter().map(Hook::show).collect();
        }
        if let Some((reason, at, revision)) = &record.rollback {
            shown["rollback"] = json!({"reason": reason, "startedAt": epoch(*at), "serviceRevisionArn": revision});
        }
        shown
    }

    fn tasks_of(&self, record: &ServiceDeployment, revision: &str) -> Value {
        let service = self.services.get(&record.service);
        let deployments = service.map_or(&[][..], |service| &service.deployments);
        let mine = deployments.iter().filter(|deployment| deployment.revision == revision);
        let tasks: Vec<_> = mine.flat_map(|deployment| &deployment.tasks).filter_map(|id| self.tasks.get(id)).collect();
        json!({
            "arn": revision,
            "requestedTaskCount": tasks.iter().filter(|task| task.wanted == "RUNNING").count(),
            "runningTaskCount": tasks.iter().filter(|task| task.is_running()).count(),
            "pendingTaskCount": tasks.iter().filter(|task| task.is_pending()).count(),
        })
    }

    pub(super) fn list_service_deployments(&self, input: &Value) -> Result<Value, ApiError> {
        let key = self.service_key(input, required(input, "service")?)?;
        let wanted = texts(input, "status");
        let created = |name: &str| input["createdAt"][name].as_f64();
        let mut mine: Vec<_> = self
            .records
            .iter()
            .filter(|(_, record)| record.service == key && (wanted.is_empty() || wanted.contains(&record.status)))
            .filter(|(_, record)| {
                let at = epoch(record.created_at).as_f64();
                created("after").is_none_or(|after| at > Some(after))
                    && created("before").is_none_or(|before| at < Some(before))
            })
            .collect();
        mine.sort_by_key(|(_, record)| std::cmp::Reverse(record.created_at));
        let brief = |(arn, record): &(&String, &ServiceDeployment)| {
            let mut shown = json!({
                "serviceDeploymentArn": arn,
                "serviceArn": service_arn(&record.service),
                "clusterArn": cluster_arn(&record.service.0),
                "startedAt": epoch(record.created_at),
                "createdAt": epoch(record.created_at),
                "targetServiceRevisionArn": record.target,
                "status": record.status,
            });
            if let Some(reason) = &record.reason {
                shown["statusReason"] = json!(reason);
            }
            if let Some(at) = record.finished_at {
                shown["finishedAt"] = epoch(at);
            }
            shown
        };
        let shown = mine.iter().map(brief).collect();
        let (shown, next) = page(shown, input["maxResults"].as_u64(), (20, 100), text(input, "nextToken"))?;
        Ok(json!({"serviceDeployments": shown, "nextToken": next}))
    }

    pub(super) fn stop_service_deployment(&mut self, context: &mut Context, input: &Value) -> Result<Value, ApiError> {
        let asked = required(input, "serviceDeploymentArn")?;
        let missing = || ApiError::client("ServiceDeploymentNotFoundException", "Service deployment not found.");
        let record = self.records.get_mut(asked).ok_or_else(missing)?;
        if !matches!(record.status, "PENDING" | "IN_PROGRESS") {
            let message = format!("Service deployment in status {} cannot be stopped.", record.status);
            return Err(ApiError::client("ConflictException", message));
        }
        let key = record.service.clone();
        let abort = text(input, "stopType") == Some("ABORT");
        let why = "Service deployment stopped because of an explicit request.";
        if abort {
            return Err(ApiError::client("UnsupportedFeatureException", "The lab does not simulate ABORT."));
        }
        if self.services.get(&key).is_none_or(|service| service.last_completed.is_none()) {
            return Err(ApiError::client("ConflictException", "There is no completed deployment to roll back to."));
        }
        self.remember(&key, context.now);
        self.with_service(&key, |ecs, service| {
            if let Some(primary) = service.deployments.first_mut() {
                primary.updated_at = context.now;
            }
            ecs.roll_back(context, service, "Service deployment stopped", why)
        });
        self.schedule(context, &key);
        Ok(json!({"serviceDeploymentArn": asked}))
    }
}

/// What a service revision shows of the settings of its service.
pub(super) fn shown_by_revision(settings: &Map<String, Value>) -> Map<String, Value> {
    let members =
        ["launchType", "capacityProviderStrategy", "platformVersion", "networkConfiguration", "loadBalancers"];
    let shown = settings.iter().filter(|(name, _)| members.contains(&name.as_str()));
    shown.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn service_arn(key: &Key) -> String {
    arn("ecs", &format!("service/{}/{}", key.0, key.1))
}

fn at_most_20<'a>(input: &'a Value, member: &str) -> Result<Vec<&'a str>, ApiError> {
    let asked = texts(input, member);
    if asked.is_empty() || asked.len() > 20 {
        return Err(invalid(format!("{member} must have between 1 and 20 items.")));
    }
    Ok(asked)
}
