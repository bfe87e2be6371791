//! The services of six teams, as they stand before the story begins.

use lab::account::Account;
use lab::ecr::Build;
use lab::ecs::ServiceSetup;
use serde_json::json;

use crate::stage::{Result, answered};

/// One service of the cast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// `cluster/service`.
    pub(crate) name: &'static str,
    /// The repository that it runs.
    pub(crate) repository: &'static str,
    /// The tag that its task definition names.
    pub(crate) tag: &'static str,
    /// Value of `steward:deploy`; empty for one that its own pipeline deploys.
    pub(crate) policy: &'static str,
    /// What it is.
    pub(crate) what: &'static str,
}

/// Every service that is there from the beginning.
const CAST: [Member; 10] = [
    member("shop/backend", "shop/backend", "latest", "follow", "behind an NLB, pushed by build-images.sh"),
    member("clinic/api", "clinic/api", "1.4.0", "semver:minor", "Phoenix, with a proxy as sidecar"),
    member("booking/api-staging", "booking/api", "staging", "follow", "one module, two environments: a retag promotes"),
    member("booking/api-prod", "booking/api", "prod", "follow", "the same image, another tag"),
    member("portal/api", "api", "latest", "follow", "Node backend"),
    member("portal/admin", "api-admin", "latest", "follow", "its frontend: repository api-admin, not api"),
    member("ml/inference", "inference", "release-2026.10", "prefix:release-", "FastAPI, released by tag"),
    member("bank/cards", "cards", "1.0", "", "deployed by its pipeline, steward:heal = dry-run"),
    member("bank/ledger", "ledger", "1.0", "", "deployed by its pipeline, steward:heal = auto"),
    member("bank/reports", "reports", "1.0", "", "deployed by its pipeline, steward:heal = dry-run"),
];

/// Those that come late, with a database that is migrated before they roll.
const NEWCOMERS: [Member; 3] = [
    member("clinic/records", "records", "1.0.0", "semver:minor", "Phoenix release, migrates first: plan, mark, Ecto"),
    member("shop/orders", "orders", "latest", "follow", "shares its database with the worker"),
    member("shop/worker", "orders", "latest", "follow", "the same image, the same database"),
];

/// Every service, whether it is there yet or not.
pub(crate) fn all() -> impl Iterator<Item = Member> {
    CAST.into_iter().chain(NEWCOMERS)
}

const fn member(
    name: &'static str,
    repository: &'static str,
    tag: &'static str,
    policy: &'static str,
    what: &'static str,
) -> Member {
    Member { name, repository, tag, policy, what }
}

/// Log group of the bank's services.
pub(crate) const LOGS: &str = "/bank";

/// The sidecar's repository.
pub(crate) const PROXY: &str = "platform/proxy";

impl Member {
    /// Cluster and service.
    pub(crate) fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('/').unwrap_or_default()
    }
}

/// Pushes the first images and starts every service. What that sends is history.
pub(crate) fn enter(account: &Account) -> Result<()> {
    answered(account.push(PROXY, &["1.2.0"], "proxy 1.2.0"))?;
    for member in CAST {
        let first = format!("{} before", member.repository);
        answered(account.push(member.repository, &[member.tag], Build::from(first.as_str())))?;
    }
    for member in CAST {
        let (cluster, service) = member.parts();
        let image = format!("{}:{}", member.repository, member.tag);
        let mut setup = account.service(cluster, service).image(&image).desired(2).breaker(true);
        setup = match member.name {
            "shop/backend" => setup.with(
                "loadBalancers",
                json!([{
                    "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/backend/6d0ecf831eec9f09",
                    "containerName": "backend",
                    "containerPort": 8080,
                }]),
            ),
            "clinic/api" => setup.image(&format!("{PROXY}:1.2.0")).tag("steward:container", "api"),
            "bank/cards" => setup.logs(LOGS, service).environment("RATE_LIMIT", "10").tag("steward:heal", "dry-run"),
            "bank/ledger" => setup.tag("steward:heal", "auto"),
            "bank/reports" => setup.tag("steward:heal", "dry-run"),
            _ => setup,
        };
        let opted_in = if member.policy.is_empty() { setup } else { setup.tag("steward:deploy", member.policy) };
        answered(opted_in.running())?;
    }
    // What the bank's pipeline has built and will deploy.
    for (repository, tag) in [("cards", "1.1"), ("cards", "1.2"), ("ledger", "2.0")] {
        answered(account.push(repository, &[tag], Build::from(format!("{repository} {tag}").as_str())))?;
    }
    account.take_events();
    Ok(())
}

/// Starts the services that migrate, each with what it says about that in labels and tags. What that sends is history.
pub(crate) fn enter_late(
    account: &Account,
    labels: impl Fn(&str) -> serde_json::Value,
    tags: impl Fn(&str, ServiceSetup) -> ServiceSetup,
) -> Result<()> {
    let mut pushed = std::collections::BTreeSet::new();
    for member in NEWCOMERS.into_iter().filter(|member| pushed.insert(member.repository)) {
        let first = format!("{} before", member.repository);
        answered(account.push(member.repository, &[member.tag], Build::from(first.as_str())))?;
    }
    let vpc =
        json!({"subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg-tasks"], "assignPublicIp": "DISABLED"});
    for member in NEWCOMERS {
        let (cluster, service) = member.parts();
        let image = format!("{}:{}", member.repository, member.tag);
        let setup = account.service(cluster, service).image(&image).desired(2).breaker(true);
        let setup = setup.logs(&format!("/{cluster}"), service).container_member("dockerLabels", labels(service));
        let setup = setup.with("networkConfiguration", json!({"awsvpcConfiguration": vpc}));
        let setup = setup.tag("steward:deploy", member.policy).tag("steward:migrate", service);
        answered(tags(service, setup).running())?;
    }
    account.take_events();
    Ok(())
}
