//! Which deployment of a service is the last good one: chosen here for `heal`, which proposes to go back to it, and for
//! `deploy`, which does, so that the two never mean different ones.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::ServiceDeploymentStatus;
use jiff::Timestamp;

use crate::arn::ServiceArn;
use crate::failure::CallFailure;

/// What ECS remembers of a service's deployments: those of the last ninety days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Past {
    /// The last successful deployment before the one that is to be left: when it was created, and its service revision.
    pub good: Option<(Option<Timestamp>, String)>,
    /// The service revision of the newest deployment.
    pub newest: Option<String>,
}

/// Looks for the last good deployment.
///
/// The newest one is what is to be left. While it is under way, and after it failed, what ran before is the good one, and
/// may still run. If it `has_ended` well, what runs now (`running`, service revisions) is no way back.
///
/// # Errors
/// The failed call.
pub async fn past(
    client: &Client,
    service: &ServiceArn,
    running: &[String],
    has_ended: bool,
) -> Result<Past, CallFailure> {
    let request = client.list_service_deployments().cluster(service.cluster()).service(service.as_str());
    let answer = request.send().await;
    let answer = answer.map_err(|error| CallFailure::new("ecs:ListServiceDeployments", service.short(), &error))?;
    let mut listed = answer.service_deployments.unwrap_or_default();
    listed.sort_by_key(|deployment| deployment.created_at.map(|at| (at.secs(), at.subsec_nanos())));
    let newest = listed.last().and_then(|deployment| deployment.target_service_revision_arn.clone());
    let is_left = |arn: &String| newest.as_ref() == Some(arn) || has_ended && running.contains(arn);
    let good = listed.iter().rev().filter(|d| d.status == Some(ServiceDeploymentStatus::Successful));
    let mut good = good.filter_map(|deployment| {
        let created = deployment.created_at.and_then(|at| Timestamp::new(at.secs(), 0).ok());
        Some((created, deployment.target_service_revision_arn.clone()?))
    });
    let good = good.find(|(_, arn)| !is_left(arn));
    Ok(Past { good, newest })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::list_service_deployments::ListServiceDeploymentsOutput;
    use aws_sdk_ecs::primitives::DateTime;
    use aws_sdk_ecs::types::ServiceDeploymentBrief;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;

    /// Deployments in order, as `revision status`.
    async fn good(listed: &'static [&'static str], running: &[&str], has_ended: bool) -> Option<String> {
        let rule = mock!(Client::list_service_deployments).then_output(move || {
            let brief = |(at, text): (i64, &&str)| {
                let (revision, status) = text.split_once(' ').unwrap();
                ServiceDeploymentBrief::builder()
                    .target_service_revision_arn(revision)
                    .created_at(DateTime::from_secs(at))
                    .status(status.into())
                    .build()
            };
            let mut listed: Vec<_> = (0..).zip(listed).map(brief).collect();
            listed.reverse();
            ListServiceDeploymentsOutput::builder().set_service_deployments(Some(listed)).build()
        });
        let client = mock_client!(aws_sdk_ecs, RuleMode::MatchAny, [&rule]);
        let service = "arn:aws:ecs:eu-west-1:123456789012:service/shop/api".parse().unwrap();
        let running: Vec<String> = running.iter().map(|arn| (*arn).to_owned()).collect();
        past(&client, &service, &running, has_ended).await.unwrap().good.map(|(_, arn)| arn)
    }

    #[tokio::test]
    async fn the_last_good_one_is_the_last_successful_one_that_is_not_left() {
        let two: &[&str] = &["r1 SUCCESSFUL", "r2 SUCCESSFUL"];
        assert_eq!(good(two, &["r2"], true).await.as_deref(), Some("r1"), "it had succeeded, and fails now");
        let under_way: &[&str] = &["r1 SUCCESSFUL", "r2 IN_PROGRESS"];
        assert_eq!(good(under_way, &["r1", "r2"], false).await.as_deref(), Some("r1"), "what ran before still runs");
        let rolled_back: &[&str] = &["r0 SUCCESSFUL", "r1 SUCCESSFUL", "r2 ROLLBACK_SUCCESSFUL"];
        assert_eq!(good(rolled_back, &["r1"], false).await.as_deref(), Some("r1"), "ECS is back on it");
        assert_eq!(good(rolled_back, &["r1"], true).await.as_deref(), Some("r0"), "what ECS is back on fails too");
        let gap: &[&str] = &["r1 SUCCESSFUL", "r2 ROLLBACK_SUCCESSFUL", "r3 STOPPED", "r4 SUCCESSFUL"];
        assert_eq!(good(gap, &["r4"], true).await.as_deref(), Some("r1"), "and never merely the one before");
        assert_eq!(good(&["r1 SUCCESSFUL"], &["r1"], true).await, None, "the first has none before it");
    }
}
