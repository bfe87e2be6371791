//! The services of six teams, as they stand before the story begins.

use lab::account::Account;
use lab::ecr::Build;
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

/// Every service.
pub(crate) const CAST: [Member; 10] = [
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
