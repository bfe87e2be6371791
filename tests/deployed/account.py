"""What the functions look after in MiniStack."""

import hashlib
import json
from types import SimpleNamespace

from deployed import ACCOUNT, REGION

ROLE = f"arn:aws:iam::{ACCOUNT}:role/task"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
INDEX = "application/vnd.oci.image.index.v1+json"
SERVICE = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop"


def digest(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def furnish(stack):
    """Three services, a cluster of databases, and somebody who reads the alerts."""
    ecs, ecr, sqs = stack.client("ecs"), stack.client("ecr"), stack.client("sqs")
    ecr.create_repository(repositoryName="backend")

    def push(name, tag="latest"):
        manifest = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"mediaType": INDEX, "digest": digest(name), "size": 1}]}
        put = {"imageManifest": json.dumps(manifest), "imageManifestMediaType": INDEX, "imageTag": tag}
        return ecr.put_image(repositoryName="backend", **put)["image"]["imageId"]["imageDigest"]

    def service(name, image, labels=None, **tags):
        container = {"name": name, "image": image, "essential": True, "dockerLabels": labels or {}, "environment": [{"name": "A", "value": "1"}]}
        ecs.register_task_definition(
            family=name,
            executionRoleArn=ROLE,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container],
            tags=[{"key": "team", "value": "shop"}],
        )
        ecs.create_service(
            cluster="shop",
            serviceName=name,
            taskDefinition=name,
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
            tags=[{"key": f"steward:{key}", "value": value} for key, value in tags.items()],
        )

    push("first")
    ecs.create_cluster(clusterName="shop")
    service("api", f"{REGISTRY}/backend:latest", deploy="follow")
    service("web", "ghcr.io/acme/web:1.0.0", deploy="semver:minor")
    service("job", f"ghcr.io/acme/job@{digest('job')}", {"steward.migrate": '["true"]'}, migrate="job", database="orders")
    stack.client("rds").create_db_cluster(
        DBClusterIdentifier="crm",
        Engine="aurora-postgresql",
        MasterUsername="admin",
        MasterUserPassword="not a secret",
        BackupRetentionPeriod=7,
        Tags=[{"Key": "steward:snapshot", "Value": "daily:7"}],
    )
    inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    stack.client("sns").subscribe(TopicArn=stack.outputs["AlertTopicArn"], Protocol="sqs", Endpoint=arn)

    def alerts():
        """The subjects of the alerts since the last look."""
        messages = sqs.receive_message(QueueUrl=inbox, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=inbox, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["Subject"] for message in messages]

    def described(name):
        (found,) = ecs.describe_services(cluster="shop", services=[name])["services"]
        return found

    def definition(name):
        return ecs.describe_task_definition(taskDefinition=described(name)["taskDefinition"], include=["TAGS"])

    return SimpleNamespace(push=push, described=described, definition=definition, alerts=alerts, ecs=ecs)
