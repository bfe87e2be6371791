//! Does with the template of an example what CloudFormation would, and looks at what comes of it.

use std::collections::BTreeMap;

use lab::ecr::Build;
use lab::template as cloudformation;
use serde_json::{Map, Value, json};

use crate::docs;
use crate::support::{HOST, Stack, text};

/// What the lab makes no difference by: that it is right, cfn-lint says.
const BESIDE: [&str; 9] = [
    "AWS::EC2::SecurityGroup",
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::ElasticLoadBalancingV2::ListenerRule",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::ElasticLoadBalancingV2::TargetGroup",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::RDS::DBSubnetGroup",
    "AWS::ECS::Cluster",
];
/// Members that are numbers in the API, and may come from a parameter, which is text.
const NUMBERS: [&str; 2] = ["desiredCount", "containerPort"];

/// A deployed stack of an example. Its cluster has its name.
pub(crate) struct Deployed {
    folder: &'static str,
    pub(crate) stack: cloudformation::Stack,
    /// The revision that the stack has registered last, by what `Ref` gives for the task definition.
    revisions: BTreeMap<String, String>,
}

/// What an example is given beside its own parameters.
fn parameters(given: &[(&str, &str)]) -> BTreeMap<String, String> {
    let network = [("VpcId", "vpc-0a1b2c3d"), ("SubnetIds", "subnet-0a1b2c3d,subnet-1a2b3c4d")];
    network.iter().chain(given).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The stack of the template in `examples/FOLDER`.
pub(crate) fn read(folder: &str, name: &str, given: &[(&str, &str)]) -> cloudformation::Stack {
    let template = docs::text(&format!("examples/{folder}/template.yaml"));
    cloudformation::Stack::read(name, &template, &parameters(given)).unwrap()
}

/// An image of the account's own registry.
pub(crate) fn image(repository_and_tag: &str) -> String {
    format!("{HOST}/{repository_and_tag}")
}

impl Stack {
    /// Steward with these parameters and all its schedules switched on.
    pub(crate) fn whole(parameters: &[(&str, &str)]) -> Self {
        let mut stack = Self::with(parameters);
        for function in ["Deploy", "Heal", "Migrate", "Snapshot"] {
            assert!(stack.world.switch_schedule(&format!("{function}SweepSchedule"), true), "{function}");
        }
        stack
    }

    /// Creates the stack of an example, and waits until its services are steady. Its images have to be there.
    pub(crate) async fn create(&mut self, folder: &'static str, name: &str, given: &[(&str, &str)]) -> Deployed {
        let mut deployed = Deployed { folder, stack: read(folder, name, given), revisions: BTreeMap::new() };
        self.account.cluster(name);
        let stack = &deployed.stack;
        assert!(stack.of("AWS::ECS::Cluster").all(|cluster| cluster.properties["ClusterName"] == name));
        for resource in &stack.resources {
            let known = ["AWS::ECS::TaskDefinition", "AWS::ECS::Service", "AWS::RDS::DBInstance"];
            let kind = resource.kind.as_str();
            assert!(known.contains(&kind) || BESIDE.contains(&kind), "{kind} is not known here");
        }
        for database in stack.of("AWS::RDS::DBInstance") {
            let said = |key: &str| text(&database.properties[key]).to_owned();
            assert_eq!((said("Engine").as_str(), &database.properties["StorageEncrypted"]), ("postgres", &json!(true)));
            let days = database.properties["BackupRetentionPeriod"].as_u64().unwrap();
            let setup = self.account.rds().instance(&said("DBInstanceIdentifier")).encrypted(None);
            let setup = setup.windows(&said("PreferredBackupWindow"), &said("PreferredMaintenanceWindow"));
            let setup = setup.retention(u32::try_from(days).unwrap());
            let tags = tags(&database.properties);
            tags.iter().fold(setup, |setup, (key, value)| setup.tag(key, value)).create();
        }
        for definition in stack.of("AWS::ECS::TaskDefinition") {
            let arn = self.register(&definition.properties);
            assert_eq!(arn, definition.reference);
            deployed.revisions.insert(definition.reference.clone(), arn);
        }
        for service in stack.of("AWS::ECS::Service") {
            let created = self.account.ecs("CreateService", member(&service.properties, "")).unwrap();
            assert_eq!(created["service"]["serviceArn"], service.reference.as_str());
        }
        self.settle().await;
        assert!(self.account.is_steady());
        self.account.take_events();
        deployed
    }

    /// Updates the stack: registers task definitions that are different now, and sets each service that is different, or
    /// whose task definition is, to the stack's own revision.
    pub(crate) async fn apply(&mut self, deployed: &mut Deployed, given: &[(&str, &str)]) {
        let new = read(deployed.folder, &deployed.stack.name, given);
        let old = std::mem::replace(&mut deployed.stack, new);
        let was = |id: &str| old.resources.iter().find(|resource| resource.id == id).unwrap().properties.clone();
        let mut changed = Vec::new();
        for definition in deployed.stack.of("AWS::ECS::TaskDefinition") {
            if was(&definition.id) != definition.properties {
                let arn = self.register(&definition.properties);
                deployed.revisions.insert(definition.reference.clone(), arn);
                changed.push(definition.reference.clone());
            }
        }
        for service in deployed.stack.of("AWS::ECS::Service") {
            let definition = text(&service.properties["TaskDefinition"]);
            if was(&service.id) != service.properties || changed.iter().any(|reference| reference == definition) {
                let mut request = member(&service.properties, "");
                let request_members = request.as_object_mut().unwrap();
                let name = request_members.remove("serviceName").unwrap();
                for fixed in ["tags", "launchType"] {
                    request_members.remove(fixed);
                }
                request["service"] = name;
                request["taskDefinition"] = deployed.revisions[definition].as_str().into();
                self.account.ecs("UpdateService", request).unwrap();
            }
        }
        self.settle().await;
    }

    fn register(&self, properties: &Value) -> String {
        let registered = self.account.ecs("RegisterTaskDefinition", member(properties, "")).unwrap();
        text(&registered["taskDefinition"]["taskDefinitionArn"]).to_owned()
    }

    /// Pushes to any repository.
    pub(crate) fn push_to(&self, repository: &str, tags: &[&str], build: impl Into<Build>) -> String {
        self.account.push(repository, tags, build).unwrap()
    }

    /// Everything that people were told since so many alerts: `FUNCTION KIND SUBJECT`.
    pub(crate) fn told_of_all(&self, from: usize) -> Vec<String> {
        let alerts = self.alerts().into_iter().skip(from);
        let line = |alert: lab::sns::Published| {
            let attribute = |name: &str| alert.attributes[name].clone();
            format!("{} {} {}", attribute("function"), attribute("kind"), attribute("subject"))
        };
        alerts.map(line).collect()
    }
}

impl Deployed {
    /// ARN of a service.
    pub(crate) fn arn(&self, service: &str) -> String {
        format!("arn:aws:ecs:eu-west-1:123456789012:service/{}/{service}", self.stack.name)
    }

    /// Digests that a service runs.
    pub(crate) fn running(&self, steward: &Stack, service: &str) -> Vec<String> {
        steward.account.running(&self.stack.name, service)
    }

    /// How many deployments a service has had.
    pub(crate) fn deployments(&self, steward: &Stack, service: &str) -> usize {
        steward.account.deployments(&self.stack.name, service)
    }

    /// The task definition that a service has now, as ECS describes it.
    pub(crate) fn definition(&self, steward: &Stack, service: &str) -> Value {
        let input = json!({ "cluster": self.stack.name, "services": [service] });
        let described = steward.account.ecs("DescribeServices", input).unwrap();
        let input = json!({ "taskDefinition": described["services"][0]["taskDefinition"] });
        steward.account.ecs("DescribeTaskDefinition", input).unwrap()["taskDefinition"].clone()
    }
}

/// Tags of a resource, in the order of the template.
pub(crate) fn tags(properties: &Value) -> Vec<(String, String)> {
    let tags = properties["Tags"].as_array().cloned().unwrap_or_default();
    tags.iter().map(|tag| (text(&tag["Key"]).to_owned(), text(&tag["Value"]).to_owned())).collect()
}

/// A property as the API has it: member names begin with a small letter, numbers are numbers.
fn member(value: &Value, name: &str) -> Value {
    match value {
        // Labels and the options of a log driver are the user's own keys.
        Value::Object(map) if name == "dockerLabels" || name == "options" => json!(map),
        Value::Object(map) => {
            let members = map.iter().map(|(key, value)| {
                let (first, rest) = key.split_at(1);
                let key = format!("{}{rest}", first.to_lowercase());
                let value = member(value, &key);
                (key, value)
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| member(item, name)).collect(),
        Value::String(number) if NUMBERS.contains(&name) => json!(number.parse::<u64>().unwrap()),
        plain => plain.clone(),
    }
}
