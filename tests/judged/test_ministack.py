"""The real binaries of `deploy` and `heal` against MiniStack, a second emulator that nobody here wrote: a rollout that comes to its
end, which moto never shows, and a crash loop. How events get to the functions of a whole stack there is in tests/deployed.

What MiniStack (1.5.33) does not do, so that nothing is shown of it here:
- Its lists of service deployments and revisions are always empty: `test_there_are_no_service_deployments`.
- The `artifactMediaType` of an image in its ECR is that of the manifest, where AWS has that of the configuration: what is so described
  is an image to nobody (`test_no_image_of_its_registry_is_one`). Hence the image here is of another registry.
- It rolls out at once, and no task of a service ever fails.
"""

import json
from datetime import datetime, timedelta, timezone
from functools import partial
from types import SimpleNamespace

import boto3
import pytest

import ministack
from events import ACCOUNT, ECS, REGION, event, stopped
from images import MANIFEST, push, sha256

BEGIN = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(minutes=1)
REPOSITORY = "ghcr.io/acme/api"
DIGEST = sha256("second")


@pytest.fixture(scope="module")
def aws():
    """MiniStack in the place of moto. Its account is the caller's access key."""
    with ministack.running() as endpoint:
        session = boto3.Session(ACCOUNT, "test", region_name=REGION)
        client = partial(session.client, endpoint_url=endpoint)
        yield SimpleNamespace(judge="MiniStack", key=ACCOUNT, endpoint=endpoint, client=client)


@pytest.fixture(scope="module")
def account(aws):
    ecs, logs = aws.client("ecs"), aws.client("logs")
    ecs.create_cluster(clusterName="prod")
    options = {"awslogs-group": "/prod/api", "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"}
    container = {"name": "api", "image": f"{REPOSITORY}:1.0.0", "essential": True, "memory": 64}
    container |= {"logConfiguration": {"logDriver": "awslogs", "options": options}}
    ecs.register_task_definition(family="api", containerDefinitions=[container], tags=[{"key": "team", "value": "shop"}])
    tags = [{"key": "steward:deploy", "value": "semver:minor"}, {"key": "steward:heal", "value": "auto"}]
    made = ecs.create_service(cluster="prod", serviceName="api", taskDefinition="api", desiredCount=0, tags=tags)
    logs.create_log_group(logGroupName="/prod/api")

    def log(task):
        stream = {"logGroupName": "/prod/api", "logStreamName": f"ecs/api/{task}"}
        logs.create_log_stream(**stream)
        logs.put_log_events(**stream, logEvents=[{"timestamp": int(BEGIN.timestamp() * 1000), "message": "giving up"}])

    def described():
        (service,) = ecs.describe_services(cluster="prod", services=["api"])["services"]
        return service

    return SimpleNamespace(ecs=ecs, ecr=aws.client("ecr"), service=made["service"]["serviceArn"], described=described, log=log)


@pytest.fixture(scope="module")
def story(account, stack, start):
    deploy, heal, told = start("deploy"), start("heal", STEWARD_HEAL_MODE="auto"), SimpleNamespace()

    def wake(minutes, kind, **detail):
        return deploy.invoke(event(BEGIN + timedelta(minutes=minutes), "steward", kind, detail))["decisions"]

    told.pushed = wake(1, "Image Pushed", repository=REPOSITORY, tag="1.1.0", digest=DIGEST)
    told.swept = wake(3, "Sweep")
    told.service = account.described()
    told.alerts = stack.alerts()
    told.stops = []
    for number in range(3):
        task = sha256(f"{number}")[7:39]
        account.log(task)
        deployment, at = told.service["deployments"][0]["id"], BEGIN + timedelta(minutes=10 + number)
        told.stops += heal.invoke(stopped(at, task, "service:api", "api:2", deployment, "api"))["decisions"]
    told.loop = stack.alerts()
    told.refused = deploy.recorder.refused() | heal.recorder.refused()
    return told


def test_a_push_is_rolled_out(story, account):
    assert [record["decision"] for record in story.pushed] == ["roll"]
    arn = story.service["taskDefinition"]
    definition = account.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    assert definition["taskDefinition"]["containerDefinitions"][0]["image"] == f"{REPOSITORY}@{DIGEST}"
    assert definition["tags"] == [{"key": "team", "value": "shop"}]
    assert story.service["deployments"][0]["rolloutState"] == "COMPLETED"


def test_a_crash_loop_is_told_with_its_last_lines(story):
    assert [record["decision"] for record in story.stops] == ["counted", "counted", "told"]
    (told,) = story.loop
    assert "| giving up" in json.loads(told)["Message"]


def test_ministack_refuses_none_of_their_calls(story):
    assert story.refused == set()


def test_there_are_no_service_deployments(account):
    assert account.ecs.list_service_deployments(cluster="prod", service="api")["serviceDeployments"] == []
    asked = [f"{ECS}:service-revision/prod/api/1"]
    assert account.ecs.describe_service_revisions(serviceRevisionArns=asked)["serviceRevisions"] == []


def test_no_image_of_its_registry_is_one(account):
    account.ecr.create_repository(repositoryName="backend")
    push(account.ecr, "first", "1")
    (image,) = account.ecr.describe_images(repositoryName="backend")["imageDetails"]
    assert image["artifactMediaType"] == MANIFEST
