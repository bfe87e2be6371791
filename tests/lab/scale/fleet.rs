//! Many services that run one base image.

use serde_json::json;

use crate::account::Account;
use crate::context::REGISTRY;
use crate::wire::ApiError;

/// How the services are rolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They follow a tag that moves, and are told to pull it again.
    Force,
    /// They are set to a revision that names the digest.
    Pin,
}

/// Services that run one image.
#[derive(Clone, Copy, Debug)]
pub struct Fleet {
    /// How many.
    pub services: usize,
    /// Over how many clusters.
    pub clusters: usize,
    /// How many task definitions they share, in turn.
    pub definitions: usize,
    /// How they are rolled.
    pub mode: Mode,
}

impl Fleet {
    /// Pushes the image, and puts the fleet where it runs it: one task a service.
    ///
    /// # Errors
    /// What the account refuses.
    pub fn stand(&self, account: &Account) -> Result<(), ApiError> {
        let (tag, policy) = match self.mode {
            Mode::Force => ("latest", "follow"),
            Mode::Pin => ("1.0.0", "semver:minor"),
        };
        account.push("base", &[tag], "1")?;
        (0..self.clusters).for_each(|cluster| account.cluster(&format!("cluster-{cluster:02}")));
        for family in 0..self.definitions {
            let container = json!({ "name": "app", "image": format!("{REGISTRY}/base:{tag}"), "essential": true });
            let definition = json!({ "family": format!("app-{family:02}"), "containerDefinitions": [container] });
            account.ecs("RegisterTaskDefinition", definition)?;
        }
        for number in 0..self.services {
            let service = json!({
                "cluster": format!("cluster-{:02}", number * self.clusters / self.services.max(1)),
                "serviceName": format!("service-{number:05}"),
                "desiredCount": 1,
                "taskDefinition": format!("app-{:02}:1", number.checked_rem(self.definitions).unwrap_or_default()),
                "tags": [{ "key": "steward:deploy", "value": policy }],
            });
            account.ecs("CreateService", service)?;
        }
        account.settle();
        account.take_events();
        Ok(())
    }

    /// Pushes the image anew, as ECR tells the bus.
    ///
    /// # Errors
    /// What the account refuses.
    pub fn push(&self, account: &Account) -> Result<String, ApiError> {
        let tag = match self.mode {
            Mode::Force => "latest",
            Mode::Pin => "1.1.0",
        };
        account.push("base", &[tag], "2")
    }
}
