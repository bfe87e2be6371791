//! What a service ran before: for the way back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use shared::deployments;
use shared::failure::CallFailure;
use shared::image::{Digest, ImageReference};

use super::model::{Catalogs, RolloutState, Service};
use super::{Observer, revisions};
use crate::plan::rollback::{Good, History, Ran};

impl Observer {
    /// The last successful deployment before the primary one, what the primary one runs, and what the registries hold of
    /// what they differ in.
    ///
    /// # Errors
    /// The failed call. What a registry does not answer is noted with that registry.
    pub(crate) async fn history(&mut self, service: &Service) -> Result<(History, Catalogs), CallFailure> {
        let client = self.clients.ecs().clone();
        let has_ended = service.primary().is_some_and(|primary| primary.rollout != RolloutState::InProgress);
        let past = deployments::past(&client, &service.arn, &service.revisions, has_ended).await?;
        let (since, good) = past.good.map_or((None, None), |(since, arn)| (since, Some(arn)));
        let asked: Vec<String> = good.iter().chain(&service.revisions).take(revisions::REVISIONS).cloned().collect();
        if asked.is_empty() {
            return Ok((History::default(), Catalogs::new()));
        }
        let (mut history, mut of_good) = (History::default(), None);
        // The newest comes last: during a rollout that is where the service is going.
        for (revision, digests) in revisions::describe(&client, &asked).await? {
            let ran = ran(&revision.images, &digests);
            if Some(&revision.arn) == good.as_ref() {
                of_good = revision.task_definition.zip(Some(ran));
            } else {
                history.current = ran;
            }
        }
        let mut catalogs = Catalogs::new();
        if let Some((task_definition, images)) = of_good {
            let is_active = self.definition(&task_definition).await?.is_active();
            for ran in images.iter().filter(|(name, ran)| history.current.get(*name) != Some(ran)).map(|(_, ran)| ran) {
                let Ok(reference) = ran.reference.parse::<ImageReference>() else {
                    continue;
                };
                if let Entry::Vacant(entry) = catalogs.entry(reference.repository) {
                    let catalog = self.catalog(entry.key()).await;
                    entry.insert(catalog);
                }
            }
            history.good = Some(Good { task_definition, since, is_active, images });
        }
        Ok((history, catalogs))
    }
}

fn ran(images: &BTreeMap<String, String>, digests: &BTreeMap<String, Digest>) -> BTreeMap<String, Ran> {
    let ran = |(name, reference): (&String, &String)| {
        (name.clone(), Ran { reference: reference.clone(), digest: digests.get(name).cloned() })
    };
    images.iter().map(ran).collect()
}
