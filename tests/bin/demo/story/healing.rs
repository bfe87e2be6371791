//! What breaks long after its rollout, and what is done about it.

use jiff::SignedDuration;
use lab::ecs::{Behaviour, PullError, ResourceError, StartFailure, StopCause};
use serde_json::json;

use crate::stage::{Result, Stage};

const CARDS: &str = "bank/cards";
const LEDGER: &str = "bank/ledger";
const REPORTS: &str = "bank/reports";
const CLINIC: &str = "clinic/api";

/// The bank's password; it must not get into an alert.
const PASSWORD: &str = "hunter2-of-the-bank";

pub(super) async fn a_crash_after_the_rollout(stage: &mut Stage) -> Result<()> {
    stage.act("A crash after the rollout", "cards 1.1 starts well and crashes minutes later. steward:heal is dry-run.");
    let digest = stage.account.digest("cards", "1.1").ok_or("cards 1.1 was not built")?;
    stage.account.script(&digest, Behaviour::CrashAfterRunning { exit_code: 1, after: minutes(4) });
    stage.deploys(CARDS, "1.1", |container| container["environment"][0]["value"] = json!("ten")).await?;
    let password = format!("connects to postgres://cards:{PASSWORD}@db.bank.internal:5432/cards");
    let lines = [password.as_str(), "reads RATE_LIMIT", "panic: RATE_LIMIT is not a number: ten"];
    stage.run_logging(CARDS, minutes(11), &lines).await?;
    let only_stages = |said: &String| said.ends_with("_IN_PROGRESS") || said.ends_with("_COMPLETED");
    let success = stage.account.deployment_statuses("bank", "cards").iter().all(|status| *status == "SUCCESSFUL");
    stage.check(
        success && stage.ledger.said.iter().all(only_stages),
        "for ECS the deployment is a success; no event of it says otherwise",
    );
    stage.check(stage.told(&["crash-loop bank/cards"]), "Steward tells once, at the third crash; as e-mail it reads:");
    let alert = stage.first_alert().to_owned();
    stage.page.quote(&alert);
    let shows =
        ["If the mode allowed it", "environment: RATE_LIMIT changed", "RATE_LIMIT is not a number", "- mode: "];
    let hidden = !alert.contains(PASSWORD) && alert.contains("[redacted]");
    stage.check(
        hidden && shows.iter().all(|words| alert.contains(words)),
        "cause, change, log without its password, guards",
    );
    stage.check(stage.only(&[CARDS]), "nothing was done: dry-run");
    stage.deploys(CARDS, "1.2", |container| container["environment"][0]["value"] = json!("10")).await?;
    stage.run_for(minutes(15)).await?;
    let over = stage.told(&["crash-loop bank/cards", "resolved bank/cards"]);
    stage.check(over, "after the fix it has been quiet for ten minutes, and the team is told that it is over");
    Ok(())
}

pub(super) async fn out_of_memory(stage: &mut Stage) -> Result<()> {
    stage.act(
        "Out of memory, exit code 0",
        "ledger 2.0 leaks; the parent of what is killed ends with 0. steward:heal is auto.",
    );
    let good = stage.running(LEDGER);
    let leaks = Behaviour::Ends { cause: StopCause::OutOfMemory { exit_code: 0 }, after: minutes(3) };
    let digest = stage.account.digest("ledger", "2.0").ok_or("ledger 2.0 was not built")?;
    stage.account.script(&digest, leaks);
    stage.deploys(LEDGER, "2.0", |_| {}).await?;
    stage.run_for(minutes(30)).await?;
    let told = ["task-stopped bank/ledger", "rollback-asked bank/ledger", "healed bank/ledger"];
    let by_schedule = stage.ledger.works.iter().any(|work| work.trigger() == "verification-due");
    let verified = stage.told(&told) && by_schedule;
    stage.check(
        verified,
        "told at the first stop, at the loop, and when the rollback had proved itself for ten minutes",
    );
    stage.check(stage.runs(LEDGER, &good), "the service runs the digest that it ran before 2.0");
    let writes: Vec<&str> = stage.ledger.calls_of("heal").filter(|call| changes_ecs(call)).collect();
    let by_deploy = stage.ledger.calls_of("deploy").filter(|call| changes_ecs(call)).count();
    let asked = stage.ledger.asked.iter().filter(|kind| kind.starts_with("Rollback")).count();
    stage.check(
        writes.is_empty() && by_deploy == 1 && asked == 2 && stage.new_deployments(LEDGER) == 2,
        "heal asked, deploy rolled back and answered; heal itself changed nothing in ECS",
    );
    Ok(())
}

pub(super) async fn tasks_that_cannot_start(stage: &mut Stage) -> Result<()> {
    stage.act(
        "Tasks that cannot start",
        "bank/reports has lost its image, and clinic/api the right to a secret. Both scale out.",
    );
    let pull = StartFailure::CannotPull(PullError::NotFound);
    let secret = StartFailure::ResourceInitialization(ResourceError::SecretDenied);
    for (service, failure) in [(REPORTS, pull), (CLINIC, secret)] {
        stage.account.outage(&[service.split_once('/').unwrap_or_default()], Behaviour::FailsToStart(failure));
        stage.scale(service, 3)?;
        stage.run_for(SignedDuration::from_secs(30)).await?;
        stage.account.outage_over();
    }
    let told = stage.told(&["task-stopped bank/reports", "task-stopped clinic/api"]);
    let causes = ["reports:1.0 does not exist", "secret or parameter may not be read"];
    let whys = stage.ledger.alerts.iter().zip(causes).all(|(alert, cause)| alert.message.contains(cause));
    let first = told && whys && stage.ledger.said.is_empty();
    stage.check(first, "both told at the first task, by what is missing; ECS has said nothing yet");
    stage.run_for(minutes(20)).await
}

pub(super) async fn a_scale_in(stage: &mut Stage) -> Result<()> {
    stage.act("A scale-in", "bank/reports goes back to 2 tasks. Its tasks ignore SIGTERM: exit code 137.");
    let digest = stage.running(REPORTS);
    stage.account.exit_on_stop(&digest, 137);
    stage.scale(REPORTS, 2)?;
    stage.run_for(minutes(2)).await?;
    let killed = stage.ledger.crashed.get(REPORTS).copied().unwrap_or_default();
    let looked = stage.ledger.works.iter().filter(|work| work.function == "heal" && work.trigger() == "task-stopped");
    let looked: Vec<usize> = looked.map(|work| work.calls.len()).collect();
    let silent = killed == 1 && looked == [0] && stage.told(&[]);
    stage.check(silent, "one task ended with 137; heal has seen it, made no AWS call and tells nobody");
    Ok(())
}

pub(super) async fn a_dependency_outage(stage: &mut Stage) -> Result<()> {
    stage.act("A database is away", "All three services of the bank crash, one minute after each start.");
    let services = [CARDS, LEDGER, REPORTS].map(|service| service.split_once('/').unwrap_or_default());
    stage.account.outage(&services, Behaviour::CrashAfterRunning { exit_code: 1, after: minutes(1) });
    stage.run_for(minutes(8)).await?;
    let crashes: usize = stage.ledger.crashed.values().sum();
    let once = crashes > 5 && stage.told(&["storm bank"]);
    stage.check(once, &format!("{crashes} tasks of three services crashed; one digest tells of all"));
    let held = stage.ledger.records("heal", LEDGER).any(|record| record["decision"] == "held-by-storm");
    stage.check(
        held && stage.only(&[]) && stage.ledger.asked.is_empty(),
        "healing is frozen: ledger is auto, and is left alone",
    );
    stage.account.outage_over();
    stage.run_for(minutes(30)).await?;
    stage.check(stage.told(&["storm bank", "storm bank"]), "once quiet, one more message says that it is over");
    Ok(())
}

fn changes_ecs(call: &str) -> bool {
    call.starts_with("ecs:") && crate::ledger::is_write(call)
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}
