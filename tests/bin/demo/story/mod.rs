//! The story, act by act.

mod healing;
mod migrations;
mod people;
mod pushes;
mod trouble;

use crate::stage::{Result, Stage};

/// Plays all of it.
pub(crate) async fn play(stage: &mut Stage) -> Result<()> {
    pushes::one_push_five_events(stage).await?;
    pushes::pushes_that_mean_nothing(stage).await?;
    pushes::a_minor_version(stage).await?;
    pushes::from_staging_to_prod(stage).await?;
    pushes::names_that_begin_alike(stage).await?;
    pushes::released_by_tag(stage).await?;
    trouble::a_bad_image(stage).await?;
    trouble::a_fix(stage).await?;
    trouble::messages_that_nobody_can_handle(stage).await?;
    healing::a_crash_after_the_rollout(stage).await?;
    healing::out_of_memory(stage).await?;
    healing::tasks_that_cannot_start(stage).await?;
    healing::a_scale_in(stage).await?;
    healing::a_dependency_outage(stage).await?;
    people::a_hold(stage).await?;
    people::a_dry_run(stage).await?;
    people::a_pin_by_hand(stage).await?;
    migrations::play(stage).await
}
