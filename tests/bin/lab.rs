//! `make lab`: a small populated account on loopback, for the AWS CLI, boto3 and the real functions.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use lab::account::Account;
use lab::clock::VirtualClock;
use lab::process::Process;
use lab::server::Server;
use lab::template::Template;
use lab::world::{Step, World};
use serde_json::json;

const USAGE: &str = "lab [--bind ADDRESS] [--port PORT] [--speed FACTOR] [--template FILE] [--functions FOLDER]

  --bind       address to listen on, 127.0.0.1 if not given: whoever reaches it can call it
  --port       port to listen on, 4599 if not given
  --speed      virtual seconds per real second, 60 if not given
  --template   what to deploy, template.yaml if not given
  --functions  folder with the functions' binaries, for example target/release; without it nothing drains the queues
";

/// How often virtual time is moved on.
const TICK: Duration = Duration::from_millis(200);

struct Options {
    bind: IpAddr,
    port: u16,
    speed: u32,
    template: PathBuf,
    functions: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = options(std::env::args().skip(1))? else {
        return Ok(write!(std::io::stdout(), "{USAGE}")?);
    };
    let account = Account::new(VirtualClock::starting_at(now()?));
    populate(&account)?;
    // What the setting-up sent is history.
    account.take_events();
    let text = std::fs::read_to_string(&options.template)
        .map_err(|error| format!("{}: {error}", options.template.display()))?;
    let template = Arc::new(Template::read(&text, &BTreeMap::new())?);
    let mut world = World::new(account.clone(), Arc::clone(&template));
    write_logs(&world)?;
    world.observe(Box::new(show));
    let server = Server::start(account.clone(), (options.bind, options.port).into()).await?;
    if let Some(folder) = &options.functions {
        for spec in &template.functions {
            let process = Process::new(&account, spec, folder, &server.endpoint());
            world.attach(&spec.id, Box::new(process));
        }
    }
    greet(&server, options.speed)?;
    let mut ticks = tokio::time::interval(TICK);
    let step = SignedDuration::try_from(TICK)? * i32::try_from(options.speed)?;
    loop {
        tokio::select! {
            _ = ticks.tick() => world.run_for(step).await?,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, Box<dyn Error>> {
    let mut options = Options {
        bind: Ipv4Addr::LOCALHOST.into(),
        port: 4599,
        speed: 60,
        template: PathBuf::from("template.yaml"),
        functions: None,
    };
    while let Some(name) = arguments.next() {
        if matches!(name.as_str(), "-h" | "--help") {
            return Ok(None);
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value\n\n{USAGE}"))?;
        match name.as_str() {
            "--bind" => options.bind = value.parse()?,
            "--port" => options.port = value.parse()?,
            "--speed" => options.speed = value.parse()?,
            "--template" => options.template = value.into(),
            "--functions" => options.functions = Some(value.into()),
            _ => return Err(format!("there is no option {name}\n\n{USAGE}").into()),
        }
    }
    Ok(Some(options))
}

/// Two clusters, two repositories, three services of which two are opted in, an instance and a cluster of databases.
fn populate(account: &Account) -> Result<(), Box<dyn Error>> {
    let refused = |error: lab::wire::ApiError| format!("{}: {}", error.code, error.message);
    for (repository, tags) in [("backend", ["latest", "1.4.1"]), ("billing", ["prod", "2.0.0"])] {
        account.push(repository, &tags, repository).map_err(refused)?;
    }
    let shop = |name: &str| account.service("shop", name).desired(2).breaker(true);
    shop("backend").image("backend:latest").tag("steward:deploy", "follow").running().map_err(refused)?;
    shop("worker").image("backend:1.4.1").tag("steward:deploy", "semver:minor").running().map_err(refused)?;
    account.service("billing", "invoices").image("billing:prod").desired(1).running().map_err(refused)?;
    account.rds().instance("shop").create();
    account.rds().aurora("crm", 2).create();
    Ok(())
}

/// What a task of `backend` wrote before it was looked at, where its `awslogs` driver would have put it.
fn write_logs(world: &World) -> Result<(), Box<dyn Error>> {
    let tasks = world.account().ecs("ListTasks", json!({ "cluster": "shop", "serviceName": "backend" }));
    let tasks = tasks.map_err(|error| format!("{}: {}", error.code, error.message))?;
    let first = tasks.get("taskArns").and_then(|arns| arns.get(0)?.as_str()?.rsplit('/').next());
    let task = first.ok_or("the service backend runs no task")?;
    for line in ["listening on :8080", "connected to the database"] {
        world.logs().write("/shop/backend", &format!("app/backend/{task}"), world.now(), line);
    }
    Ok(())
}

fn greet(server: &Server, speed: u32) -> std::io::Result<()> {
    let event = json!([{
        "Source": "steward",
        "DetailType": "Deploy Requested",
        "Detail": json!({ "repository": format!("{}/backend", lab::context::REGISTRY), "tag": "latest", "requested-by": "lab" }).to_string(),
    }]);
    writeln!(
        std::io::stdout(),
        "The lab listens on {endpoint}; one real second is {speed} of its own. Ctrl-C ends it. To try it:\n\n\
         export AWS_ENDPOINT_URL={endpoint} AWS_REGION=eu-west-1 AWS_ACCESS_KEY_ID=lab AWS_SECRET_ACCESS_KEY=lab\n\
         aws ecs describe-services --cluster shop --services backend\n\
         aws events put-events --entries '{event}'\n",
        endpoint = server.endpoint(),
    )
}

/// Prints what happens, one line a step.
fn show(at: Timestamp, step: &Step) {
    let line = match step {
        Step::Event { event, mishap } => {
            format!("event    {} {} {mishap:?}", event["source"], event["detail-type"])
        }
        Step::Sent { from, queue, .. } => format!("queue    {from} -> {queue}"),
        Step::Undelivered { from, problem, .. } => format!("lost     {from}: {problem}"),
        Step::Fired { schedule } => format!("schedule {schedule}"),
        Step::Invoked { function, .. } => format!("invoke   {function}"),
        Step::Called(call) => {
            let error = call.error.as_deref().unwrap_or("ok");
            format!("call     {}:{} {error}", call.call.service, call.call.operation)
        }
        Step::Published(alert) => format!("alert    {}", alert.subject.as_deref().unwrap_or_default()),
        Step::Answered(invoked) => match &invoked.result {
            Ok(answer) => format!("answer   {} {answer}", invoked.function),
            Err(error) => format!("answer   {} {error}", invoked.function),
        },
        Step::DeadLettered { queue, message } => format!("dead     {queue} {}", message.id),
    };
    let _ = writeln!(std::io::stdout(), "{} {line}", at.strftime("%H:%M:%S"));
}

/// Virtual time begins at real time, so that what is signed and logged looks like today.
#[expect(clippy::disallowed_methods, reason = "the lab starts now")]
fn now() -> Result<Timestamp, jiff::Error> {
    Timestamp::try_from(SystemTime::now())
}
