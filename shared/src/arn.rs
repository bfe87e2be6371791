//! ARNs and account ids as types: a value of these types names a resource that can exist.

mod rds;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub(crate) use self::rds::is_database_identifier;
pub use self::rds::{DatabaseArn, DatabaseKind, KeyArn};

/// Why a text is not the identifier that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct IdentifierError {
    text: String,
    expected: &'static str,
}

impl IdentifierError {
    pub(crate) fn new(text: &str, expected: &'static str) -> Self {
        // Input of any length may come in by an event; an error text must stay readable in an alert.
        Self { text: text.chars().take(200).collect(), expected }
    }
}

/// A twelve-digit AWS account id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

/// An AWS region name such as `eu-west-1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

/// ARN of an ECS service, in the format that names the cluster: `arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME`.
///
/// The format without the cluster (before 2018) is refused: without the cluster no API call can be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceArn {
    text: String,
    cluster: (usize, usize),
}

/// ARN of an ECS cluster: `arn:aws:ecs:REGION:ACCOUNT:cluster/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterArn(String);

/// ARN of an ECS task. Both formats exist: `task/ID` and `task/CLUSTER/ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskArn(String);

/// ARN of one revision of a task definition: `arn:aws:ecs:REGION:ACCOUNT:task-definition/FAMILY:REVISION`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskDefinitionArn(String);

impl FromStr for AccountId {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentifierError::new(text, "an AWS account id (12 digits)"))
        }
    }
}

impl FromStr for Region {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('-').collect();
        let lower = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
        let number = parts.last().is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        if parts.len() >= 3 && number && parts.iter().rev().skip(1).all(lower) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdentifierError::new(text, "an AWS region (for example eu-west-1)"))
        }
    }
}

/// What stands behind `arn:PARTITION:SERVICE:REGION:ACCOUNT:`.
fn regional<'a>(text: &'a str, service: &str) -> Option<&'a str> {
    let mut parts = text.splitn(6, ':');
    let (arn, partition, named) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    region.parse::<Region>().ok()?;
    account.parse::<AccountId>().ok()?;
    (arn == "arn" && partition.starts_with("aws") && named == service).then_some(resource)
}

/// What stands behind `arn:PARTITION:ecs:REGION:ACCOUNT:KIND/`, with its offset.
fn ecs_resource<'a>(text: &'a str, kind: &str) -> Option<(&'a str, usize)> {
    let rest = regional(text, "ecs")?.strip_prefix(kind)?.strip_prefix('/')?;
    Some((rest, text.len() - rest.len()))
}

/// ECS names: letters, digits, `-` and `_`, at most 255.
fn is_ecs_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl FromStr for ServiceArn {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (rest, offset) = ecs_resource(text, "service")?;
            let (cluster, name) = rest.split_once('/')?;
            (is_ecs_name(cluster) && is_ecs_name(name)).then_some((offset, offset + cluster.len()))
        };
        match parse() {
            Some(cluster) => Ok(Self { text: text.to_owned(), cluster }),
            None => Err(IdentifierError::new(
                text,
                "the ARN of an ECS service (arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME)",
            )),
        }
    }
}

impl FromStr for TaskDefinitionArn {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (rest, _) = ecs_resource(text, "task-definition")?;
            let (family, revision) = rest.split_once(':')?;
            (is_ecs_name(family) && revision.parse::<u32>().is_ok()).then_some(())
        };
        match parse() {
            Some(()) => Ok(Self(text.to_owned())),
            None => Err(IdentifierError::new(text, "the ARN of a task definition revision")),
        }
    }
}

impl FromStr for ClusterArn {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match ecs_resource(text, "cluster") {
            Some((name, _)) if is_ecs_name(name) => Ok(Self(text.to_owned())),
            _ => Err(IdentifierError::new(text, "the ARN of an ECS cluster (arn:aws:ecs:REGION:ACCOUNT:cluster/NAME)")),
        }
    }
}

impl FromStr for TaskArn {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (rest, _) = ecs_resource(text, "task")?;
            let id = rest.split_once('/').map_or(rest, |(_, id)| id);
            is_ecs_name(id).then_some(())
        };
        match parse() {
            Some(()) => Ok(Self(text.to_owned())),
            None => Err(IdentifierError::new(text, "the ARN of an ECS task")),
        }
    }
}

impl ClusterArn {
    /// Name of the cluster.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The service of that name in this cluster.
    ///
    /// # Errors
    /// When the name is none that a service can have.
    pub fn service(&self, name: &str) -> Result<ServiceArn, IdentifierError> {
        format!("{}/{name}", self.0.replacen(":cluster/", ":service/", 1)).parse()
    }
}

impl TaskArn {
    /// The id: the last part, under which `ecs:DescribeTasks` knows it and its log stream is named.
    pub fn id(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl ServiceArn {
    /// Name of the region.
    pub fn region(&self) -> &str {
        self.text.split(':').nth(3).unwrap_or_default()
    }

    /// ARN of the cluster.
    pub fn cluster_arn(&self) -> ClusterArn {
        let prefix = self.text.get(..self.cluster.1).unwrap_or_default();
        ClusterArn(prefix.replacen(":service/", ":cluster/", 1))
    }

    /// Name of the cluster.
    pub fn cluster(&self) -> &str {
        self.text.get(self.cluster.0..self.cluster.1).unwrap_or_default()
    }

    /// Name of the service.
    pub fn name(&self) -> &str {
        self.text.get(self.cluster.1 + 1..).unwrap_or_default()
    }

    /// `CLUSTER/NAME`, as people speak of it.
    pub fn short(&self) -> &str {
        self.text.get(self.cluster.0..).unwrap_or_default()
    }
}

impl TaskDefinitionArn {
    /// `FAMILY:REVISION`, as people speak of it.
    pub fn short(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

/// Gives a text type the conversions that serde and printing need.
macro_rules! text_type {
    ($($name:ident => $($field:tt).+),+ $(,)?) => {$(
        impl $name {
            /// The text as AWS writes it.
            pub fn as_str(&self) -> &str {
                &self.$($field).+
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::arn::IdentifierError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_str().to_owned()
            }
        }
    )+};
}
pub(crate) use text_type;

text_type!(AccountId => 0, Region => 0, ServiceArn => text, ClusterArn => 0, TaskArn => 0, TaskDefinitionArn => 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_arn_gives_its_cluster_and_name() {
        let arn: ServiceArn = "arn:aws:ecs:eu-west-1:123456789012:service/shop/backend".parse().unwrap();
        assert_eq!((arn.cluster(), arn.name(), arn.short()), ("shop", "backend", "shop/backend"));
    }

    #[test]
    fn arns_of_other_partitions_are_arns() {
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let text = format!("arn:{partition}:ecs:us-gov-west-1:123456789012:service/shop/backend");
            assert!(text.parse::<ServiceArn>().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_service_arn_is_refused() {
        for text in [
            "",
            "shop/backend",
            "arn:aws:ecs:eu-west-1:123456789012:service/backend",
            "arn:aws:ecs:eu-west-1:123456789012:service/shop/",
            "arn:aws:ecs:eu-west-1:123456789012:service/shop/a/b",
            "arn:aws:ecs:eu-west-1:12345678901:service/shop/backend",
            "arn:aws:ecs::123456789012:service/shop/backend",
            "arn:aws:ecs:eu-west-1:123456789012:task/shop/backend",
            "arn:aws:s3:eu-west-1:123456789012:service/shop/backend",
            "arn:aws:ecs:eu-west-1:123456789012:service/shop/b\u{e9}",
        ] {
            assert!(text.parse::<ServiceArn>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_task_definition_arn_needs_its_revision() {
        let good = "arn:aws:ecs:eu-west-1:123456789012:task-definition/backend:7";
        assert_eq!(good.parse::<TaskDefinitionArn>().unwrap().short(), "backend:7");
        for bad in ["arn:aws:ecs:eu-west-1:123456789012:task-definition/backend", "backend:7"] {
            assert!(bad.parse::<TaskDefinitionArn>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_cluster_and_a_name_make_a_service_and_a_service_gives_its_cluster_back() {
        let cluster: ClusterArn = "arn:aws:ecs:eu-west-1:123456789012:cluster/shop".parse().unwrap();
        let service = cluster.service("backend").unwrap();
        assert_eq!((service.short(), service.cluster_arn()), ("shop/backend", cluster));
    }

    #[test]
    fn both_formats_of_a_task_arn_give_the_same_id() {
        for text in ["task/0f1e2d3c", "task/shop/0f1e2d3c"] {
            let arn: TaskArn = format!("arn:aws:ecs:eu-west-1:123456789012:{text}").parse().unwrap();
            assert_eq!(arn.id(), "0f1e2d3c");
        }
        assert!("arn:aws:ecs:eu-west-1:123456789012:task/shop/a/b".parse::<TaskArn>().is_err());
    }

    #[test]
    fn an_error_text_stays_short_however_long_the_input() {
        let error = "x".repeat(100_000).parse::<ServiceArn>().unwrap_err();
        assert!(error.to_string().len() < 400);
    }
}
