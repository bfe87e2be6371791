//! The only code here that changes anything in ECS: revisions of our own families, tasks, and a waiting rollout.

use aws_sdk_ecs::operation::run_task::RunTaskError;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride,
    DeploymentLifecycleHookAction, LaunchType, NetworkConfiguration, TaskOverride,
};
use shared::arn::{TaskArn, TaskDefinitionArn};
use shared::aws::Clients;
use shared::failure::{CallFailure, FailureKind};
use shared::task_definition;

use crate::observe::Observer;
use crate::run::{Frozen, Job, Placement, Run, Step};

/// What came of asking for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Started {
    /// It is this one.
    Task(TaskArn),
    /// There was no place for it: ECS answers so with success and a list of failures.
    NotPlaced(String),
    /// AWS refuses it as it is, and would again.
    Refused(String),
}

/// Changes ECS. It lives as long as the execution environment.
#[derive(Debug)]
pub(crate) struct Applier {
    clients: Clients,
}

impl Applier {
    /// An applier with these clients.
    pub(crate) fn new(clients: Clients) -> Self {
        Self { clients }
    }

    /// Registers the revision that a run's tasks run: the service's, in the new image, ending with its container.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn register(
        &self,
        observer: &Observer,
        frozen: &Frozen,
    ) -> Result<TaskDefinitionArn, CallFailure> {
        let base = observer.definition(&frozen.base).await?;
        let body = base.for_job(&frozen.family, &frozen.container, &frozen.reference);
        task_definition::register(self.clients.ecs(), &body).await
    }

    /// Asks for the task that a run means to have. The token makes a repeated call the same call.
    ///
    /// # Errors
    /// A call of which nobody knows whether it took effect, or that may succeed another time.
    pub(crate) async fn start(
        &self,
        observer: &Observer,
        run: &Run,
        job: &Job,
        frozen: &Frozen,
        definition: &TaskDefinitionArn,
    ) -> Result<Started, CallFailure> {
        const OPERATION: &str = "ecs:RunTask";
        let cluster = run.service.cluster();
        let command = match job.step {
            Step::Plan | Step::Verify => frozen.plan.clone().unwrap_or_default(),
            Step::Migrate => frozen.command.clone(),
        };
        // The command and nothing else: what stands in overrides is sent in clear with every event of the task.
        let container = ContainerOverride::builder().name(&frozen.container).set_command(Some(command)).build();
        let Placement { network, platform_version, launch_type, strategy } = &frozen.placement;
        let strategy: Vec<_> = strategy
            .iter()
            .filter_map(|provider| {
                let item = CapacityProviderStrategyItem::builder().capacity_provider(&provider.name);
                item.weight(provider.weight).base(provider.base).build().ok()
            })
            .collect();
        let request = self
            .clients
            .ecs()
            .run_task()
            .cluster(cluster)
            .task_definition(definition.as_str())
            .count(1)
            .client_token(job.token(&run.id))
            .started_by(job.started_by(&run.id))
            .overrides(TaskOverride::builder().container_overrides(container).build())
            .set_network_configuration(network.as_ref().and_then(network_configuration))
            .set_platform_version(platform_version.clone())
            .set_launch_type(launch_type.as_deref().filter(|_| strategy.is_empty()).map(LaunchType::from))
            .set_capacity_provider_strategy((!strategy.is_empty()).then_some(strategy));
        match request.send().await {
            Ok(answer) => {
                let task = answer.tasks.unwrap_or_default().into_iter().next();
                if let Some(arn) = task.and_then(|task| task.task_arn?.parse().ok()) {
                    return Ok(Started::Task(arn));
                }
                let failures = answer.failures.unwrap_or_default().into_iter();
                let reasons: Vec<String> = failures.filter_map(|failure| failure.detail.or(failure.reason)).collect();
                let reasons = if reasons.is_empty() {
                    "ECS names neither a task nor a reason".to_owned()
                } else {
                    reasons.join("; ")
                };
                Ok(Started::NotPlaced(reasons))
            }
            Err(error) => {
                let held = match error.as_service_error() {
                    Some(RunTaskError::ConflictException(conflict)) => Some(conflict.resource_ids().to_vec()),
                    _ => None,
                };
                let failure = CallFailure::new(OPERATION, frozen.family.as_str(), &error);
                match (held, failure.kind) {
                    (Some(tasks), _) => self.adopt(observer, run, job, tasks, &failure).await,
                    (None, FailureKind::Invalid) if is_for_now(&failure) => Ok(Started::NotPlaced(failure.to_string())),
                    (None, FailureKind::Denied | FailureKind::Invalid | FailureKind::Missing) => {
                        Ok(Started::Refused(failure.to_string()))
                    }
                    _ => Err(failure),
                }
            }
        }
    }

    /// The token was used with other parameters: its task is ours if it says so.
    async fn adopt(
        &self,
        observer: &Observer,
        run: &Run,
        job: &Job,
        tasks: Vec<String>,
        failure: &CallFailure,
    ) -> Result<Started, CallFailure> {
        let started_by = job.started_by(&run.id);
        let tasks = observer.tasks(run.service.cluster(), tasks).await?;
        let ours = tasks.into_iter().find(|task| task.started_by.as_deref() == Some(&started_by));
        Ok(ours.map_or_else(|| Started::Refused(failure.to_string()), |task| Started::Task(task.arn)))
    }

    /// Tells ECS to stop a task. That it has stopped, only its own state says.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn stop(&self, run: &Run, task: &TaskArn) -> Result<(), CallFailure> {
        let reason = format!("Steward: migration run {} took too long", run.id);
        let request = self.clients.ecs().stop_task().cluster(run.service.cluster()).task(task.as_str());
        match request.reason(reason).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let failure = CallFailure::new("ecs:StopTask", task.id(), &error);
                // ECS does not know it any more: the next look says so too.
                if failure.kind == FailureKind::Invalid { Ok(()) } else { Err(failure) }
            }
        }
    }

    /// Lets a rollout that waits at a hook go on, or back. A hook that waits no more is no failure: it was answered.
    ///
    /// # Errors
    /// The failed call.
    pub(crate) async fn continue_rollout(
        &self,
        service_deployment: &str,
        hook: &str,
        forward: bool,
    ) -> Result<(), CallFailure> {
        let action =
            if forward { DeploymentLifecycleHookAction::Continue } else { DeploymentLifecycleHookAction::Rollback };
        let request = self.clients.ecs().continue_service_deployment();
        let request = request.service_deployment_arn(service_deployment).hook_id(hook).action(action);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let failure = CallFailure::new("ecs:ContinueServiceDeployment", service_deployment, &error);
                match failure.kind {
                    FailureKind::Invalid | FailureKind::Missing => {
                        tracing::warn!(reason = %failure, "the rollout does not wait any more");
                        Ok(())
                    }
                    _ => Err(failure),
                }
            }
        }
    }
}

/// ECS says by the same code that a request is wrong and that too much is going on at the moment.
fn is_for_now(failure: &CallFailure) -> bool {
    let message = failure.message.to_ascii_lowercase();
    ["limit", "quota", "capacity", "rate exceeded", "too many"].iter().any(|word| message.contains(word))
}

fn network_configuration(network: &crate::run::Network) -> Option<NetworkConfiguration> {
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets.clone()))
        .set_security_groups(Some(network.security_groups.clone()))
        .set_assign_public_ip(network.public_ip.as_deref().map(AssignPublicIp::from));
    Some(NetworkConfiguration::builder().awsvpc_configuration(vpc.build().ok()?).build())
}
