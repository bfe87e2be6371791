//! What a service's task definition says beyond its images, and how a person's pipeline deploys another revision.

use serde_json::{Value, json};

use super::setup::ServiceSetup;
use crate::account::Account;
use crate::context::{ACCOUNT_ID, REGION, arn};
use crate::wire::ApiError;

impl ServiceSetup {
    /// Changes the container that was added last. There must be one: `image` comes first.
    fn container(mut self, change: impl FnOnce(&mut Value)) -> Self {
        if let Some(last) = self.containers.last_mut() {
            change(last);
        }
        self
    }

    /// Sends the last container's logs to this group (`awslogs`); streams are named `PREFIX/CONTAINER/TASK ID`.
    pub fn logs(self, group: &str, prefix: &str) -> Self {
        let options = json!({"awslogs-group": group, "awslogs-region": REGION, "awslogs-stream-prefix": prefix});
        self.container(|one| one["logConfiguration"] = json!({"logDriver": "awslogs", "options": options}))
    }

    /// Gives the last container an environment variable.
    pub fn environment(self, name: &str, value: &str) -> Self {
        self.container(|one| append(one, "environment", json!({"name": name, "value": value})))
    }

    /// Gives the last container a variable from a secret of Secrets Manager.
    pub fn secret(self, name: &str, secret: &str) -> Self {
        let from = arn("secretsmanager", &format!("secret:{secret}"));
        self.container(|one| append(one, "secrets", json!({"name": name, "valueFrom": from})))
    }

    /// Lets the last container listen on a port.
    pub fn port(self, port: u16) -> Self {
        let mapping = json!({"containerPort": port, "hostPort": port, "protocol": "tcp"});
        self.container(|one| append(one, "portMappings", mapping))
    }

    /// Sets the last container's command.
    pub fn command(self, command: &[&str]) -> Self {
        self.container(|one| one["command"] = json!(command))
    }

    /// Sets any other member of the last container.
    pub fn container_member(self, member: &str, value: Value) -> Self {
        self.container(|one| one[member] = value)
    }

    /// Sets the names of the roles of the task and of its execution.
    pub fn roles(self, task: &str, execution: &str) -> Self {
        let role = |name: &str| json!(format!("arn:aws:iam::{ACCOUNT_ID}:role/{name}"));
        self.definition("taskRoleArn", role(task)).definition("executionRoleArn", role(execution))
    }

    /// Sets CPU units and memory (MiB) of the task, as Fargate wants them.
    pub fn size(self, cpu: &str, memory: &str) -> Self {
        self.definition("cpu", json!(cpu)).definition("memory", json!(memory))
    }

    /// Sets the deployment strategy: `ROLLING`, `BLUE_GREEN`...
    pub fn strategy(mut self, strategy: &str) -> Self {
        self.request["deploymentConfiguration"]["strategy"] = json!(strategy);
        self
    }
}

impl Account {
    /// Deploys a new revision of the service's task definition with a change, as a pipeline would. Answers its ARN.
    pub fn revise(&self, cluster: &str, service: &str, change: impl FnOnce(&mut Value)) -> Result<String, ApiError> {
        let described = self.ecs("DescribeServices", json!({"cluster": cluster, "services": [service]}))?;
        let current = &described["services"][0]["taskDefinition"];
        let mut request =
            self.ecs("DescribeTaskDefinition", json!({"taskDefinition": current}))?["taskDefinition"].take();
        for own in [
            "taskDefinitionArn",
            "revision",
            "status",
            "requiresAttributes",
            "compatibilities",
            "registeredAt",
            "registeredBy",
            "deregisteredAt",
        ] {
            request.as_object_mut().and_then(|members| members.shift_remove(own));
        }
        change(&mut request);
        let registered = self.ecs("RegisterTaskDefinition", request)?;
        let revision = &registered["taskDefinition"]["taskDefinitionArn"];
        self.ecs("UpdateService", json!({"cluster": cluster, "service": service, "taskDefinition": revision}))?;
        Ok(revision.as_str().unwrap_or_default().to_owned())
    }
}

fn append(container: &mut Value, list: &str, item: Value) {
    match container[list].as_array_mut() {
        Some(items) => items.push(item),
        None => container[list] = json!([item]),
    }
}
