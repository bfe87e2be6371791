//! What became of the rollouts of a service, for whoever judges them afterwards.

use jiff::Timestamp;

use crate::account::Account;

/// A service deployment as ECS remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastDeployment {
    /// `SUCCESSFUL`, `ROLLBACK_SUCCESSFUL`, `STOPPED`, `IN_PROGRESS`...
    pub status: &'static str,
    /// Digest that its first container was to run; `None` while no task has pulled a tag.
    pub digest: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its rollback began.
    pub rolled_back_at: Option<Timestamp>,
}

impl Account {
    /// All service deployments of a service, oldest first.
    pub fn past_deployments(&self, cluster: &str, service: &str) -> Vec<PastDeployment> {
        let state = self.lock();
        let records = state.ecs.records.values();
        let mine = records.filter(|record| record.service.0 == cluster && record.service.1 == service);
        let past = mine.map(|record| {
            let image = state.ecs.revisions.get(&record.target).and_then(|revision| revision.images.first());
            let named = image.and_then(|image| image.image.split_once('@')).map(|(_, digest)| digest.to_owned());
            PastDeployment {
                status: record.status,
                digest: image.and_then(|image| image.digest.clone()).or(named),
                created_at: record.created_at,
                rolled_back_at: record.rollback.as_ref().map(|(_, at, _)| *at),
            }
        });
        let mut past: Vec<_> = past.collect();
        past.sort_by_key(|deployment| deployment.created_at);
        past
    }
}
