//! Clusters: names, and little more.

use serde_json::{Value, json};

use super::Ecs;
use super::model::Key;
use crate::context::{Context, arn};
use crate::input::{page, text, texts};
use crate::wire::ApiError;

/// ARN of a cluster.
pub(super) fn cluster_arn(name: &str) -> String {
    arn("ecs", &format!("cluster/{name}"))
}

/// Name of the cluster that a member `cluster` means: a name, an ARN, or nothing for the cluster `default`.
pub(super) fn cluster_name(input: &Value) -> &str {
    let given = text(input, "cluster").unwrap_or("default");
    given.rsplit('/').next().unwrap_or(given)
}

impl Ecs {
    /// The cluster that `input` names, which must exist.
    pub(super) fn cluster<'a>(&self, input: &'a Value) -> Result<&'a str, ApiError> {
        let name = cluster_name(input);
        if self.clusters.contains_key(name) {
            return Ok(name);
        }
        Err(ApiError::client("ClusterNotFoundException", "Cluster not found."))
    }

    pub(super) fn create_cluster(&mut self, context: &Context, input: &Value) -> Value {
        let name = text(input, "clusterName").unwrap_or("default");
        self.clusters.entry(name.to_owned()).or_insert(context.now);
        json!({"cluster": self.describe_cluster(name)})
    }

    fn describe_cluster(&self, name: &str) -> Value {
        let mine = |key: &Key| key.0 == name;
        let tasks: Vec<_> = self.tasks.values().filter(|task| task.cluster == name).collect();
        let services = self.services.values().filter(|service| mine(&service.key) && service.status == "ACTIVE");
        json!({
            "clusterArn": cluster_arn(name),
            "clusterName": name,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": tasks.iter().filter(|task| task.is_running()).count(),
            "pendingTasksCount": tasks.iter().filter(|task| task.is_pending()).count(),
            "activeServicesCount": services.count(),
            "statistics": [], "tags": [], "settings": [], "capacityProviders": [],
            "defaultCapacityProviderStrategy": [],
        })
    }

    pub(super) fn describe_clusters(&self, input: &Value) -> Value {
        let asked = texts(input, "clusters");
        let asked = if asked.is_empty() { vec!["default"] } else { asked };
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for asked in asked {
            let name = asked.rsplit('/').next().unwrap_or(asked);
            if self.clusters.contains_key(name) {
                found.push(self.describe_cluster(name));
            } else {
                failures.push(json!({"arn": cluster_arn(name), "reason": "MISSING"}));
            }
        }
        json!({"clusters": found, "failures": failures})
    }

    pub(super) fn list_clusters(&self, input: &Value) -> Result<Value, ApiError> {
        let arns = self.clusters.keys().map(|name| cluster_arn(name)).collect();
        let (arns, next) = page(arns, input["maxResults"].as_u64(), (100, 100), text(input, "nextToken"))?;
        Ok(json!({"clusterArns": arns, "nextToken": next}))
    }
}
