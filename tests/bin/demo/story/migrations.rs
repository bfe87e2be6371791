//! Services whose database is migrated before they roll.

use jiff::SignedDuration;
use lab::ecr::Build;
use lab::ecs::{Command, Job, SimulatedSchema};
use serde_json::{Value, json};

use crate::cast;
use crate::reading::attribute;
use crate::stage::{Result, Stage};

const RECORDS: &str = "clinic/records";
const ORDERS: &str = "shop/orders";
const WORKER: &str = "shop/worker";

/// Of the Phoenix release.
const ECTO: [&str; 3] = ["/app/bin/records", "eval", "Records.Release.migrate()"];
const PLAN: [&str; 3] = ["/app/bin/records", "eval", "Records.Release.plan()"];

/// Of the other two, whose label is in words.
const ALEMBIC: [&str; 3] = ["alembic", "upgrade", "head"];

/// The database's password; it must not get into an alert.
const PASSWORD: &str = "hunter2-of-the-clinic";

/// Plays all of it.
pub(super) async fn play(stage: &mut Stage) -> Result<()> {
    let (records, orders) = (SimulatedSchema::at(1), SimulatedSchema::at(1));
    enter(stage, &records, &orders)?;
    a_migration_first(stage, &records).await?;
    a_migration_that_fails(stage, &records).await?;
    two_services_one_database(stage, &orders).await?;
    a_task_that_hangs(stage, &records).await
}

/// The services and databases join.
fn enter(stage: &Stage, records: &SimulatedSchema, orders: &SimulatedSchema) -> Result<()> {
    let account = &stage.account;
    let last_week = stage.now() - SignedDuration::from_hours(24 * 7);
    account.rds().instance("clinic-records").created_at(last_week).create();
    account.script_command(Command::exactly(&PLAN), Job::plans(records));
    account.script_command(Command::exactly(&ECTO), Job::migrates(records));
    account.script_command(Command::exactly(&ALEMBIC), Job::migrates(orders).after(minutes(1)));
    let labels = |service: &str| match service {
        "records" => json!({
            "steward.migrate": json!(ECTO).to_string(),
            "steward.migrate-plan": json!(PLAN).to_string(),
            "steward.migrate-timeout": "10",
        }),
        _ => json!({"steward.migrate": ALEMBIC.join(" ")}),
    };
    cast::enter_late(account, labels, |service, setup| match service {
        "records" => setup.tag("steward:database", "clinic-records").tag("steward:restore-point", "mark"),
        _ => setup.tag("steward:database", "shop-orders"),
    })
}

async fn a_migration_first(stage: &mut Stage, schema: &SimulatedSchema) -> Result<()> {
    stage.act(
        "Migrate, then roll",
        "clinic/records has steward:migrate and steward:restore-point=mark; two docker labels of its task definition name \
         the commands of its Ecto release, for the migration and for its plan.",
    );
    let digest = stage.push("records", &["1.1.0"], Build::from("records 1.1.0")).await?;
    schema.needs(&digest, 2);
    stage.run_for(minutes(12)).await?;
    stage.settle().await?;
    let calls: Vec<&str> = stage.ledger.works.iter().flat_map(|work| &work.calls).map(String::as_str).collect();
    let ran = calls.iter().filter(|call| **call == RUN_TASK).count();
    let rolled = calls.iter().position(|call| *call == "ecs:UpdateService");
    let first =
        rolled.is_some_and(|rolled| calls.iter().rposition(|call| *call == RUN_TASK).is_some_and(|ran| ran < rolled));
    stage.check(
        first && ran == 3,
        "three tasks before anything rolls: is something pending, the migration, is something pending still",
    );
    let same = schema.migrations().iter().map(|one| one.digest.clone()).eq([digest.clone()]);
    stage.check(
        same && schema.version() == 2 && stage.only(&[RECORDS]) && stage.runs(RECORDS, &digest),
        "one digest: what has migrated is what rolls",
    );
    let told = stage.told(&["migrated clinic/records", "rolled-out clinic/records"]);
    let mark = stage.first_alert().contains("point in time");
    stage.check(told && mark, "told once each; the alert names the point in time to go back to");
    Ok(())
}

async fn a_migration_that_fails(stage: &mut Stage, schema: &SimulatedSchema) -> Result<()> {
    stage.act("A migration that fails", "The migration of records 1.2.0 ends with exit code 1.");
    let before = stage.running(RECORDS);
    let bad = stage.push("records", &["1.2.0"], Build::from("records 1.2.0")).await?;
    schema.needs(&bad, 3);
    let url = format!("connects to postgres://records:{PASSWORD}@db.clinic.internal:5432/records");
    let error = "** (Postgrex.Error) ERROR 23502 (not_null_violation) column \"consent\" contains null values";
    let job = Job::exits(1).says(&[&url, "== Running 20261121 Records.Repo.Migrations.RequireConsent", error]);
    stage.account.script_command(Command::exactly(&ECTO).of(&bad), job);
    stage.run_for(minutes(30)).await?;
    stage.check(stage.told(&["migration-failed clinic/records"]), "one alert, in half an hour of sweeps too:");
    let alert = stage.first_alert().to_owned();
    stage.page.quote(&alert);
    let hidden = !alert.contains(PASSWORD) && alert.contains("not_null_violation");
    stage.check(hidden, "with the task's last lines, without the password in them");
    let ran = runs(stage);
    let serves = stage.only(&[]) && stage.runs(RECORDS, &before) && schema.version() == 2;
    stage.check(serves && ran == 2, "the service keeps serving the old version; the migration is not tried again");
    let fixed = stage.push("records", &["1.2.1"], Build::from("records 1.2.1")).await?;
    schema.needs(&fixed, 3);
    stage.run_for(minutes(12)).await?;
    stage.settle().await?;
    let over = stage.only(&[RECORDS]) && stage.runs(RECORDS, &fixed) && schema.version() == 3;
    stage.check(over, "the next push is migrated and rolled");
    Ok(())
}

async fn two_services_one_database(stage: &mut Stage, schema: &SimulatedSchema) -> Result<()> {
    stage.act(
        "Two services, one database",
        "shop/orders and shop/worker run one image and name one steward:database; one push is due on both.",
    );
    let digest = stage.push("orders", &["latest"], Build::from("orders next")).await?;
    schema.needs(&digest, 2);
    stage.run_for(minutes(10)).await?;
    stage.settle().await?;
    let migrations = schema.migrations();
    let alone = schema.most_at_once() == 1 && schema.overlaps().is_empty();
    stage.check(alone && migrations.len() == 2, "each migrates, one after the other: the second finds it done");
    let rolled = stage.only(&[ORDERS, WORKER]) && stage.runs(ORDERS, &digest) && stage.runs(WORKER, &digest);
    stage.check(rolled, "both roll, each after its own");
    Ok(())
}

async fn a_task_that_hangs(stage: &mut Stage, schema: &SimulatedSchema) -> Result<()> {
    stage.act(
        "A task that hangs",
        "records 1.3.0 waits for a lock that nobody gives up, and does not heed SIGTERM. Its label allows ten minutes.",
    );
    let before = stage.running(RECORDS);
    let digest = stage.push("records", &["1.3.0"], Build::from("records 1.3.0")).await?;
    schema.needs(&digest, 4);
    let hangs = Job::hangs().on_stop(137).says(&["== Running 20261121 Records.Repo.Migrations.AddIndex"]);
    stage.account.script_command(Command::exactly(&ECTO).of(&digest), hangs);
    stage.run_for(minutes(35)).await?;
    let stops = stage.ledger.calls_of("migrate").filter(|call| *call == "ecs:StopTask").count();
    let running = task_statuses(stage)?.iter().filter(|status| *status != "STOPPED").count();
    stage.check(stops > 0 && running == 0, "stopped when its time was up; no task of it is left");
    let told = stage.told(&["migration-failed clinic/records"]);
    let critical = stage.ledger.alerts.first().is_some_and(|alert| attribute(alert, "severity") == "critical");
    let why = stage.first_alert().contains("stopped after 10 minutes");
    stage.check(told && critical && why, "the team hears of it once");
    let serves = stage.only(&[]) && stage.runs(RECORDS, &before);
    stage.check(serves && runs(stage) == 2, "nothing rolls, and it is not tried again");
    Ok(())
}

const RUN_TASK: &str = "ecs:RunTask";

/// How many tasks `migrate` has asked for since the act began.
fn runs(stage: &Stage) -> usize {
    stage.ledger.calls_of("migrate").filter(|call| *call == RUN_TASK).count()
}

/// How the tasks of the clinic's migrations stand that ECS still knows.
fn task_statuses(stage: &Stage) -> Result<Vec<String>> {
    let answered = crate::stage::answered;
    let mut all = Vec::new();
    for desired in ["RUNNING", "STOPPED"] {
        let asked = json!({"cluster": "clinic", "family": "steward-migrate-records", "desiredStatus": desired});
        let listed = answered(stage.account.ecs("ListTasks", asked))?;
        if listed["taskArns"].as_array().is_some_and(|arns| !arns.is_empty()) {
            let asked = json!({"cluster": "clinic", "tasks": listed["taskArns"]});
            let described = answered(stage.account.ecs("DescribeTasks", asked))?;
            let statuses = described["tasks"].as_array().into_iter().flatten();
            all.extend(statuses.filter_map(|task: &Value| task["lastStatus"].as_str().map(str::to_owned)));
        }
    }
    Ok(all)
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}
