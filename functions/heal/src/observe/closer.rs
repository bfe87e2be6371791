//! The closer look: what makes an alert worth reading and a rollback decidable. Best effort, within five seconds: what
//! does not come in time is missing, and the alert goes out without it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use aws_sdk_ecr::types::ImageIdentifier;
use aws_sdk_ecs::types::{ContainerDefinition, ServiceRevision, TaskDefinition, TaskDefinitionStatus};
use jiff::Timestamp;
use shared::arn::{TaskArn, TaskDefinitionArn};
use shared::deployments::{self, Past};
use shared::failure::{CallFailure, FailureKind};
use shared::image::{Digest, ImageReference};
use shared::logs::{self, LogStream};

use super::Observer;
use super::difference::difference;
use super::model::{Deployment, Evidence, Image, Images, Logs, Service, Target};
use crate::watch::Incident;

/// The longest that an alert waits for what would make it better.
const PATIENCE: Duration = Duration::from_secs(5);
/// Lines of log in an alert.
const LINES: i32 = 20;

/// How long it is waited for lines that have not arrived.
const LATE: Duration = Duration::from_secs(2);

/// What ran before, and what is concerned.
#[derive(Debug, Default)]
struct History {
    /// The last successful deployment's revision, and when that was created.
    good: Option<(ServiceRevision, Option<Timestamp>)>,
    /// The revision that is to be left.
    left: Option<ServiceRevision>,
}

impl Observer {
    /// Looks closer at what is wrong with a service.
    pub(crate) async fn look_closer(&self, service: &Service, incident: &Incident) -> Evidence {
        let mut evidence = Evidence::default();
        let in_time = {
            let work = self.gather(service, incident, &mut evidence);
            race(Box::pin(work), self.clock.sleep(PATIENCE)).await
        };
        if !in_time {
            evidence.missing.push("the rest: five seconds were over".to_owned());
        }
        evidence
    }

    async fn gather(&self, service: &Service, incident: &Incident, evidence: &mut Evidence) {
        let concerned = service.deployment(incident.deployment.as_ref());
        let history = match self.history(service, concerned).await {
            Ok(history) => history,
            Err(failure) => {
                evidence.lacks(&failure);
                History::default()
            }
        };
        let named = |revision: &ServiceRevision| revision.task_definition.as_deref().and_then(|arn| arn.parse().ok());
        // A deployment that was rolled back is not in the service's list any more; its revision still is.
        let current: Option<TaskDefinitionArn> = concerned
            .and_then(|deployment| deployment.task_definition.clone())
            .or_else(|| history.left.as_ref().and_then(named));
        let current_definition = match &current {
            Some(arn) => self.definition(arn, evidence).await,
            None => None,
        };
        evidence.logs = self.logs(incident, current_definition.as_ref(), evidence).await;
        let Some((good, created)) = &history.good else {
            return self.logs_again(incident, current_definition.as_ref(), evidence).await;
        };
        if let Some(arn) = named(good) {
            let images = images_of(good);
            let left = history.left.as_ref().map(images_of).unwrap_or_default();
            let definition = match &current_definition {
                Some(definition) if current.as_ref() == Some(&arn) => Some(definition.clone()),
                _ => self.definition(&arn, evidence).await,
            };
            if let Some(definition) = definition {
                let is_active = definition.status == Some(TaskDefinitionStatus::Active);
                if let Some(current) = &current_definition {
                    evidence.difference = Some(difference(&definition, current, &images, &left));
                }
                evidence.images = match self.holds(&images, &left).await {
                    Ok(images) => images,
                    Err(failure) => {
                        evidence.lacks(&failure);
                        Images::Unknown
                    }
                };
                evidence.target = Some(Target { task_definition: arn, created: *created, is_active, images });
            }
        }
        self.logs_again(incident, current_definition.as_ref(), evidence).await;
    }

    /// Lines take a few seconds to arrive: one more try where none were there, and where there should be some.
    async fn logs_again(&self, incident: &Incident, definition: Option<&TaskDefinition>, evidence: &mut Evidence) {
        if let Logs::Late(_) = &evidence.logs {
            self.clock.sleep(LATE).await;
            evidence.logs = self.logs(incident, definition, evidence).await;
        }
        if let Logs::Late(why) = &evidence.logs {
            evidence.logs = Logs::None(why.clone());
        }
    }

    async fn definition(&self, arn: &TaskDefinitionArn, evidence: &mut Evidence) -> Option<TaskDefinition> {
        let answer = self.clients.ecs().describe_task_definition().task_definition(arn.as_str()).send().await;
        match answer {
            Ok(answer) => answer.task_definition,
            Err(error) => {
                evidence.lacks(&CallFailure::new("ecs:DescribeTaskDefinition", arn.short(), &error));
                None
            }
        }
    }

    /// The last successful deployment before the one that is concerned, and what that one runs.
    async fn history(&self, service: &Service, concerned: Option<&Deployment>) -> Result<History, CallFailure> {
        let client = self.clients.ecs();
        let has_ended = concerned.is_some_and(|concerned| concerned.is_completed);
        let Past { good, newest } = deployments::past(client, &service.arn, &service.revisions, has_ended).await?;
        let left = if has_ended { service.revisions.first().cloned() } else { newest };
        let asked: Vec<String> = good.iter().map(|(_, arn)| arn.clone()).chain(left.clone()).collect();
        if asked.is_empty() {
            return Ok(History::default());
        }
        let answer = client.describe_service_revisions().set_service_revision_arns(Some(asked)).send().await;
        let answer =
            answer.map_err(|error| CallFailure::new("ecs:DescribeServiceRevisions", service.arn.short(), &error))?;
        let revisions = answer.service_revisions.unwrap_or_default();
        let find = |arn: &String| revisions.iter().find(|r| r.service_revision_arn.as_ref() == Some(arn)).cloned();
        let good = good.and_then(|(created, arn)| Some((find(&arn)?, created)));
        Ok(History { good, left: left.as_ref().and_then(find) })
    }

    /// Whether ECR still holds what the target runs. Containers that run the same before and after are not asked about:
    /// going back changes nothing for them.
    async fn holds(
        &self,
        target: &BTreeMap<String, Image>,
        current: &BTreeMap<String, Image>,
    ) -> Result<Images, CallFailure> {
        for (container, image) in target.iter().filter(|(name, image)| current.get(*name) != Some(image)) {
            let Some(digest) = &image.digest else {
                return Ok(Images::Lacking(format!("ECS does not say which digest container {container} ran")));
            };
            let Ok(reference) = image.reference.parse::<ImageReference>() else {
                return Ok(Images::Lacking(format!("the image of container {container} cannot be read")));
            };
            if !reference.repository.is_in_ecr_of(&self.account, &self.region) {
                return Ok(Images::Lacking(format!(
                    "{} cannot be asked whether it still holds the image of container {container}",
                    reference.repository
                )));
            }
            let wanted = ImageIdentifier::builder().image_digest(digest.as_str()).build();
            let request = self.clients.ecr().describe_images().repository_name(&reference.repository.path);
            match request.image_ids(wanted).send().await {
                Ok(_) => {}
                Err(error) => {
                    let failure = CallFailure::new("ecr:DescribeImages", &reference.repository, &error);
                    if failure.kind != FailureKind::Missing {
                        return Err(failure);
                    }
                    let gone = format!("{} does not hold {} any more", reference.repository, digest.short());
                    return Ok(Images::Lacking(gone));
                }
            }
        }
        Ok(Images::Held)
    }

    async fn logs(&self, incident: &Incident, definition: Option<&TaskDefinition>, evidence: &mut Evidence) -> Logs {
        if incident.class.is_before_start() {
            return Logs::None("it never ran, so it logged nothing".to_owned());
        }
        let (Some(task), Some(definition)) = (&incident.task, definition) else {
            return Logs::Unknown;
        };
        let stream = match stream(definition, incident.container.as_deref(), task) {
            Ok(stream) => stream,
            Err(why) => return Logs::None(why),
        };
        match logs::tail(self.clients.logs(), &stream, LINES).await {
            Ok(Some(lines)) if !lines.is_empty() => Logs::Lines(lines),
            Ok(_) => Logs::Late(format!("no line in {} {}", stream.group, stream.stream)),
            Err(failure) => {
                evidence.lacks(&failure);
                Logs::Unknown
            }
        }
    }
}

fn stream(definition: &TaskDefinition, container: Option<&str>, task: &TaskArn) -> Result<LogStream, String> {
    let containers: &[ContainerDefinition] = definition.container_definitions();
    let named = containers.iter().find(|definition| definition.name.as_deref() == container);
    let definition = named.or_else(|| containers.iter().find(|definition| definition.essential.unwrap_or(true)));
    let definition = definition.ok_or("the task definition has no container")?;
    let name = definition.name.as_deref().unwrap_or_default();
    let Some(configuration) = &definition.log_configuration else {
        return Err(format!("container {name} has no log configuration"));
    };
    let driver = configuration.log_driver.as_str();
    let options = configuration.options.clone().unwrap_or_default();
    LogStream::of(driver, &options, name, task.id()).ok_or_else(|| {
        format!("its lines are not in CloudWatch Logs, or not under a name that can be told (driver {driver})")
    })
}

fn images_of(revision: &ServiceRevision) -> BTreeMap<String, Image> {
    let read = |image: &aws_sdk_ecs::types::ContainerImage| {
        let digest = image.image_digest.as_deref().and_then(|digest| digest.parse::<Digest>().ok());
        Some((image.container_name.clone()?, Image { reference: image.image.clone()?, digest }))
    };
    revision.container_images().iter().filter_map(read).collect()
}

/// Whether the work was done before the time was over. Neither runs on after the other has ended.
async fn race(work: impl Future<Output = ()>, time: impl Future<Output = ()>) -> bool {
    let (mut work, mut time) = (pin!(work), pin!(time));
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending => time.as_mut().poll(context).map(|()| false),
    })
    .await
}
