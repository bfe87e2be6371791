"""A second tour, with the AWS CLI: all that the lab serves, once or more, and each answer held against AWS's service model. The CLI
runs in this process, as a start of its own takes a second each; `test_the_cli_as_people_start_it` starts some."""

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from awscli.clidriver import create_clidriver

from shapes import Judge

ACCOUNT = "123456789012"
SERVICE = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:service/cli/cli"


@pytest.fixture(scope="module")
def environment(endpoint, tmp_path_factory):
    """As docs/lab.md says, and nothing of whoever runs this."""
    nowhere = str(tmp_path_factory.mktemp("aws") / "none")
    ours = {"AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1"}
    ours |= {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab", "AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere}
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | ours


@pytest.fixture(scope="module")
def driver(environment):
    """The CLI, and whoever judges what it gets."""
    before = dict(os.environ)
    os.environ.clear()
    # Where the CLI keeps its own models: it says so when it is imported.
    os.environ.update(environment | {"AWS_DATA_PATH": before["AWS_DATA_PATH"]})
    driver, judge = create_clidriver(), Judge()
    judge.watch(driver.session)
    yield driver, judge
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def aws(driver, endpoint, asked):
    """Runs a command line, with values appended; gives what it prints, read as JSON."""
    cli, judge = driver
    judge.wrong.clear()

    def run(line, *values, refused=None):
        words = [*shlex.split(line), *(value if isinstance(value, str) else json.dumps(value) for value in values)]
        # What one command line says of the region would hold for the next.
        words += [] if "--region" in words else ["--region", "eu-west-1"]
        printed, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complained):
            code = cli.main([*words, "--output", "json", "--endpoint-url", endpoint])
        if refused:
            assert code != 0 and f"({refused})" in complained.getvalue(), (words, complained.getvalue())
            return None
        assert code == 0, (words, complained.getvalue())
        return json.loads(printed.getvalue() or "{}")

    yield run
    asked.by_cli |= judge.asked
    asked.refused |= judge.refused
    assert not judge.wrong, "\n".join(judge.wrong)


def until(question, seconds=30):
    """Asks until the answer is true; the lab's clock runs faster than ours."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)
    return answer


def test_ecs_services(aws):
    aws("ecs create-cluster --cluster-name cli")
    assert f"arn:aws:ecs:eu-west-1:{ACCOUNT}:cluster/cli" in aws("ecs list-clusters")["clusterArns"]
    assert aws("ecs describe-clusters --clusters cli")["clusters"][0]["status"] == "ACTIVE"
    base = aws("ecs describe-task-definition --task-definition backend")["taskDefinition"]
    register = "ecs register-task-definition --family cli --cpu 256 --memory 512 --network-mode awsvpc --container-definitions"
    registered = aws(register, base["containerDefinitions"])["taskDefinition"]["taskDefinitionArn"]
    assert registered in aws("ecs list-task-definitions --family-prefix cli")["taskDefinitionArns"]
    aws(f"ecs create-service --cluster cli --service-name cli --task-definition {registered} --desired-count 1 --launch-type FARGATE")
    assert aws("ecs list-services --cluster cli")["serviceArns"] == [SERVICE]

    def steady():
        (service,) = aws("ecs describe-services --cluster cli --services cli")["services"]
        return service["deployments"][0]["rolloutState"] == "COMPLETED" and service

    revision = until(steady)["currentServiceRevisions"][0]["arn"]
    (described,) = aws(f"ecs describe-service-revisions --service-revision-arns {revision}")["serviceRevisions"]
    assert described["taskDefinition"] == registered
    aws(f"ecs tag-resource --resource-arn {SERVICE} --tags key=steward:hold,value=cli")
    assert aws(f"ecs list-tags-for-resource --resource-arn {SERVICE}")["tags"] == [{"key": "steward:hold", "value": "cli"}]
    aws(f"ecs untag-resource --resource-arn {SERVICE} --tag-keys steward:hold")
    aws("ecs update-service --cluster cli --service cli --force-new-deployment")
    under_way = "ecs list-service-deployments --cluster cli --service cli --status PENDING IN_PROGRESS"
    (deployment,) = aws(under_way)["serviceDeployments"]
    aws(f"ecs stop-service-deployment --stop-type ROLLBACK --service-deployment-arn {deployment['serviceDeploymentArn']}")
    until(steady)
    (stopped,) = aws(f"ecs describe-service-deployments --service-deployment-arns {deployment['serviceDeploymentArn']}")["serviceDeployments"]
    assert stopped["status"].startswith("ROLLBACK_"), stopped["status"]
    (task,) = aws("ecs list-tasks --cluster cli --service-name cli")["taskArns"]
    assert aws(f"ecs describe-tasks --cluster cli --tasks {task}")["tasks"][0]["lastStatus"] == "RUNNING"
    aws(f"ecs stop-task --cluster cli --task {task} --reason cli")
    aws("ecs delete-service --cluster cli --service cli --force")
    aws(f"ecs deregister-task-definition --task-definition {registered}")


def test_ecs_jobs_and_hooks(aws):
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}}
    run = "ecs run-task --cluster shop --task-definition backend --launch-type FARGATE --started-by cli --network-configuration"
    (task,) = aws(run, network)["tasks"]
    assert aws("ecs list-tasks --cluster shop --started-by cli")["taskArns"] == [task["taskArn"]]
    hook = {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"], "timeoutConfiguration": {"timeoutInMinutes": 20160, "action": "ROLLBACK"}}
    create = "ecs create-service --cluster shop --service-name cli-gated --task-definition backend --desired-count 1 --deployment-configuration"
    arn = aws(create, {"lifecycleHooks": [hook]})["service"]["currentServiceDeployment"]
    (described,) = aws(f"ecs describe-service-deployments --service-deployment-arns {arn}")["serviceDeployments"]
    (waiting,) = described["lifecycleHookDetails"]
    aws(f"ecs continue-service-deployment --service-deployment-arn {arn} --hook-id {waiting['hookId']} --action CONTINUE")
    aws("ecs delete-service --cluster shop --service cli-gated --force")


def test_ecr(aws):
    aws("ecr create-repository --repository-name cli")
    assert aws("ecr describe-repositories --repository-names cli")["repositories"][0]["repositoryName"] == "cli"
    (image,) = aws("ecr batch-get-image --repository-name billing --image-ids imageTag=prod")["images"]
    aws("ecr put-image --repository-name billing --image-tag cli --image-manifest", image["imageManifest"])
    (detail,) = aws("ecr describe-images --repository-name billing --image-ids imageTag=cli")["imageDetails"]
    assert detail["imageDigest"] == image["imageId"]["imageDigest"]
    assert {"imageTag": "cli", "imageDigest": detail["imageDigest"]} in aws("ecr list-images --repository-name billing")["imageIds"]
    assert aws("ecr batch-delete-image --repository-name billing --image-ids imageTag=cli")["failures"] == []


def test_tagging(aws):
    found = aws("resourcegroupstaggingapi get-resources --resource-type-filters ecs:service --tag-filters Key=steward:deploy")
    assert f"arn:aws:ecs:eu-west-1:{ACCOUNT}:service/shop/backend" in [it["ResourceARN"] for it in found["ResourceTagMappingList"]]


def test_dynamodb(aws):
    names = "AttributeName=pk,AttributeType=S AttributeName=sk,AttributeType=S"
    keys = "AttributeName=pk,KeyType=HASH AttributeName=sk,KeyType=RANGE"
    create = "dynamodb create-table --table-name cli --billing-mode PAY_PER_REQUEST"
    aws(f"{create} --attribute-definitions {names} --key-schema {keys}")
    assert "cli" in aws("dynamodb list-tables")["TableNames"]
    assert aws("dynamodb describe-table --table-name cli")["Table"]["TableStatus"] == "ACTIVE"
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    aws("dynamodb put-item --table-name cli --item", key | {"n": {"N": "1"}})
    update = "dynamodb update-item --table-name cli --return-values ALL_NEW --update-expression 'SET n = n + :one'"
    values = {":one": {"N": "1"}}
    assert aws(f"{update} --expression-attribute-values", values, "--key", key)["Attributes"]["n"] == {"N": "2"}
    assert aws("dynamodb get-item --table-name cli --key", key)["Item"]["n"] == {"N": "2"}
    assert aws("dynamodb batch-get-item --request-items", {"cli": {"Keys": [key]}})["Responses"]["cli"]
    query = "dynamodb query --table-name cli --key-condition-expression 'pk = :pk' --expression-attribute-values"
    assert aws(query, {":pk": {"S": "a"}})["Count"] == 1
    assert aws("dynamodb scan --table-name cli")["Count"] == 1
    other = {"pk": {"S": "c"}, "sk": {"S": "d"}}
    aws("dynamodb transact-write-items --transact-items", [{"Put": {"TableName": "cli", "Item": other}}])
    aws("dynamodb delete-item --table-name cli --key", other)
    nothing = "dynamodb query --table-name cli --key-condition-expression 'pk = :pk AND begins_with(sk, :sk)'"
    aws(f"{nothing} --expression-attribute-values", {":pk": {"S": "a"}, ":sk": {"S": ""}}, refused="ValidationException")


def test_sqs(aws):
    dead = aws("sqs create-queue --queue-name cli-dead")["QueueUrl"]
    assert dead in aws("sqs list-queues --queue-name-prefix cli")["QueueUrls"]
    arn = aws(f"sqs get-queue-attributes --attribute-names All --queue-url {dead}")["Attributes"]["QueueArn"]
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}), "VisibilityTimeout": "0"}
    url = aws("sqs create-queue --queue-name cli --attributes", redrive)["QueueUrl"]
    assert aws("sqs get-queue-url --queue-name cli")["QueueUrl"] == url
    aws(f"sqs send-message --message-body hello --queue-url {url}")

    def moved():
        aws(f"sqs receive-message --queue-url {url}")
        return aws(f"sqs receive-message --queue-url {dead}").get("Messages")

    (message,) = until(moved)
    handle = f"--queue-url {dead} --receipt-handle {message['ReceiptHandle']}"
    aws(f"sqs change-message-visibility --visibility-timeout 0 {handle}")
    assert aws(f"sqs start-message-move-task --source-arn {arn}")["TaskHandle"]
    (again,) = until(lambda: aws(f"sqs receive-message --queue-url {url}").get("Messages"))
    aws(f"sqs delete-message --queue-url {url} --receipt-handle {again['ReceiptHandle']}")
    aws(f"sqs purge-queue --queue-url {url}")
    aws(f"sqs delete-queue --queue-url {url}")


def test_sns(aws):
    topic = aws("sns create-topic --name cli")["TopicArn"]
    assert {"TopicArn": topic} in aws("sns list-topics")["Topics"]
    aws(f"sns subscribe --topic-arn {topic} --protocol email --notification-endpoint ops@acme.example")
    (subscription,) = aws(f"sns list-subscriptions-by-topic --topic-arn {topic}")["Subscriptions"]
    assert subscription["Endpoint"] == "ops@acme.example"
    assert aws(f"sns publish --topic-arn {topic} --subject hello --message hello")["MessageId"]


def test_sts(aws):
    assert aws("sts get-caller-identity")["Account"] == ACCOUNT


def test_events(aws):
    rule = aws("events list-rules")["Rules"][0]["Name"]
    assert aws(f"events describe-rule --name {rule}")["State"] == "ENABLED"
    entry = {"Source": "cli", "DetailType": "Cli", "Detail": "{}"}
    assert aws("events put-events --entries", [entry])["FailedEntryCount"] == 0
    event = {"id": "1", "detail-type": "Cli", "source": "cli", "account": ACCOUNT, "time": "2026-11-20T09:14:07Z",
             "region": "eu-west-1", "resources": [], "detail": {}}
    assert aws("events test-event-pattern --event-pattern", {"source": ["cli"]}, "--event", event)["Result"] is True


def test_logs(aws):
    (stream,) = aws("logs describe-log-streams --log-group-name /shop/backend --max-items 1")["logStreams"]
    read = f"logs get-log-events --log-group-name /shop/backend --limit 1 --log-stream-name {stream['logStreamName']}"
    assert [event["message"] for event in aws(read)["events"]] == ["connected to the database"]


def test_scheduler(aws):
    group = aws("scheduler list-schedules")["Schedules"][0]["GroupName"]
    target = {
        "Arn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:steward-DeployQueue.fifo",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/steward-SweepScheduleRole",
        "Input": "{}",
        "SqsParameters": {"MessageGroupId": "deploy"},
    }
    when = "--schedule-expression 'at(2099-01-01T00:00:00)' --flexible-time-window Mode=OFF"
    created = aws(f"scheduler create-schedule --name cli --group-name {group} {when} --target", target)
    assert aws(f"scheduler get-schedule --name cli --group-name {group}")["Arn"] == created["ScheduleArn"]
    aws(f"scheduler delete-schedule --name cli --group-name {group}")


@pytest.mark.parametrize(
    ("kind", "name", "of"),
    [("db-snapshot", "DBSnapshot", "--db-instance-identifier shop"), ("db-cluster-snapshot", "DBClusterSnapshot", "--db-cluster-identifier crm")],
)
def test_rds(aws, kind, name, of):
    assert aws("rds describe-db-instances --db-instance-identifier shop")["DBInstances"][0]["Engine"]
    assert aws("rds describe-db-clusters --db-cluster-identifier crm")["DBClusters"][0]["DBClusterMembers"]
    arn = aws(f"rds create-{kind} --{kind}-identifier cli {of} --tags Key=team,Value=cli")[name][f"{name}Arn"]

    def status(region):
        (snapshot,) = aws(f"rds describe-{kind}s --{kind}-identifier cli --region {region}")[f"{name}s"]
        return snapshot["Status"]

    until(lambda: status("eu-west-1") == "available")
    aws(f"rds modify-{kind}-attribute --{kind}-identifier cli --attribute-name restore --values-to-add 210987654321")
    (restore,) = aws(f"rds describe-{kind}-attributes --{kind}-identifier cli")[f"{name}AttributesResult"][f"{name}Attributes"]
    assert restore["AttributeValues"] == ["210987654321"]
    copied = aws(f"rds copy-{kind} --source-{kind}-identifier {arn} --target-{kind}-identifier cli --region eu-west-3")[name]
    assert ":eu-west-3:" in copied[f"{name}Arn"]
    until(lambda: status("eu-west-3") == "available")
    aws(f"rds add-tags-to-resource --resource-name {arn} --tags Key=steward:hold,Value=cli")
    aws(f"rds remove-tags-from-resource --resource-name {arn} --tag-keys steward:hold")
    assert aws(f"rds list-tags-for-resource --resource-name {arn}")["TagList"] == [{"Key": "team", "Value": "cli"}]
    for region in ("eu-west-1", "eu-west-3"):
        aws(f"rds delete-{kind} --{kind}-identifier cli --region {region}")
    quotas = {it["AccountQuotaName"]: it["Used"] for it in aws("rds describe-account-attributes --region eu-west-3")["AccountQuotas"]}
    assert quotas[{"db-snapshot": "ManualSnapshots", "db-cluster-snapshot": "ManualClusterSnapshots"}[kind]] == 0


def test_kms(aws):
    assert aws("kms describe-key --key-id alias/aws/rds")["KeyMetadata"]["KeyManager"] == "AWS"
    aws("kms describe-key --key-id alias/nonesuch", refused="NotFoundException")


@pytest.mark.parametrize(
    "line",
    ["ecs describe-services --cluster shop --services backend", "rds describe-db-clusters", "scheduler list-schedules", "sns list-topics"],
)
def test_the_cli_as_people_start_it(environment, line):
    """One of each protocol, by the variables alone."""
    program = Path(sys.executable).with_name("aws")
    done = subprocess.run([program, *shlex.split(line)], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert any(json.loads(done.stdout).values()), done.stdout
