"""The real binary of `heal` against moto: a crash loop with its last log lines and what is done about it, a job that fails, a
service that cannot start tasks, a sweep.

What moto does not do, so that nothing is shown of it here (`deviations.py` holds it to that):
- Tasks of services, and tasks that fail: the events that tell of them are written here, in AWS's shape.
- Service deployments and revisions: a stand-in tells which was good, in AWS's own shape. Without one there is nothing to go
  back to, and `heal` says so, which is shown as well.
"""

import json
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from events import ECS, batch, event, stopped
from images import HOST, push, sha256

# Close to moto's clock, by which deployments are made: a release of long ago is not blamed.
BEGIN = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(minutes=1)
LINES = ["listening on :8080", "catalog: loading with token=9f8e7d6c", "Error: catalog not loaded, giving up"]


@pytest.fixture(scope="module")
def account(aws):
    """Two services on their second revision, of which ECS calls the first good; their logs; a job that was run by hand."""
    ecs, ecr, logs = aws.client("ecs"), aws.client("ecr"), aws.client("logs")
    ecs.create_cluster(clusterName="prod")
    ecr.create_repository(repositoryName="backend")
    digests = [push(ecr, "first", "1.0.0"), push(ecr, "second", "1.1.0")]
    options = {"awslogs-group": "/prod/api", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "ecs"}
    container = {"name": "api", "essential": True, "memory": 64, "logConfiguration": {"logDriver": "awslogs", "options": options}}
    services = {}
    for name in ("api", "lonely"):
        for digest in digests:
            image = f"{HOST}/backend@{digest}"
            ecs.register_task_definition(family=name, containerDefinitions=[container | {"image": image}])
        tags = [{"key": "steward:heal", "value": "auto"}]
        made = ecs.create_service(cluster="prod", serviceName=name, taskDefinition=f"{name}:2", desiredCount=1, tags=tags)
        services[name] = made["service"]
    logs.create_log_group(logGroupName="/prod/api")
    ecs.register_task_definition(family="nightly", containerDefinitions=[{"name": "nightly", "image": "nightly:1", "memory": 64}])
    subnet = aws.client("ec2").describe_subnets()["Subnets"][0]
    vpc = {"subnets": [subnet["SubnetId"]], "securityGroups": []}
    (job,) = ecs.run_task(
        cluster="prod",
        taskDefinition="nightly",
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": vpc},
        tags=[{"key": "steward:heal", "value": "dry-run"}],
    )["tasks"]

    def log(task):
        stream = {"logGroupName": "/prod/api", "logStreamName": f"ecs/api/{task}"}
        logs.create_log_stream(**stream)
        at = int(BEGIN.timestamp() * 1000)
        logs.put_log_events(**stream, logEvents=[{"timestamp": at + n, "message": line} for n, line in enumerate(LINES)])

    return SimpleNamespace(services=services, digests=digests, job=job, log=log)


def good(account):
    """Of `api` the first of two deployments went well; of `lonely` there is none."""
    service, made = account.services["api"], BEGIN - timedelta(hours=2)
    arn = service["serviceArn"].replace(":service/", ":service-{}/").format

    def deployment(number, status):
        at = (made + timedelta(hours=number)).timestamp()
        one = {"serviceDeploymentArn": f"{arn('deployment')}/{number}", "createdAt": at, "status": status}
        return one | {"serviceArn": service["serviceArn"], "targetServiceRevisionArn": f"{arn('revision')}/{number}"}

    def revision(asked):
        number = int(asked.rsplit("/")[-1])
        digest = account.digests[number - 1]
        image = {"containerName": "api", "image": f"{HOST}/backend@{digest}", "imageDigest": digest}
        of = {"serviceRevisionArn": asked, "serviceArn": service["serviceArn"], "containerImages": [image]}
        return of | {"taskDefinition": f"{ECS}:task-definition/api:{number}", "createdAt": made.timestamp()}

    def listed(asked):
        is_api = asked["service"].endswith("/api")
        return {"serviceDeployments": [deployment(2, "IN_PROGRESS"), deployment(1, "SUCCESSFUL")] if is_api else []}

    return {
        "ecs:ListServiceDeployments": listed,
        "ecs:DescribeServiceRevisions": lambda asked: {"serviceRevisions": [revision(it) for it in asked["serviceRevisionArns"]]},
    }


@pytest.fixture(scope="module")
def story(account, stack, start):
    """Three stops of each service, the job's, a start that is impaired, what nobody can read, and a sweep."""
    function, told = start("heal", good(account), STEWARD_HEAL_MODE="auto"), SimpleNamespace()

    def loop(name, minutes):
        deployment = account.services[name]["deployments"][0]["id"]
        seen = []
        for number in range(3):
            task = sha256(f"{name} {number}")[7:39]
            account.log(task)
            at = BEGIN + timedelta(minutes=minutes + number)
            seen += function.invoke(stopped(at, task, f"service:{name}", f"{name}:2", deployment, "api"))["decisions"]
        return seen, stack.alerts()

    told.looped, told.alerts = loop("api", 1)
    told.lonely, told.of_lonely = loop("lonely", 11)
    job = account.job["taskArn"].rsplit("/")[-1]
    failed = stopped(BEGIN + timedelta(minutes=15), job, "family:nightly", "nightly:1", "ana", "nightly")
    told.job, told.of_job = function.invoke(failed)["decisions"], stack.alerts()
    at = BEGIN + timedelta(minutes=16)
    impaired = {"eventType": "WARN", "eventName": "SERVICE_TASK_START_IMPAIRED", "clusterArn": f"{ECS}:cluster/prod"}
    impaired |= {"createdAt": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    lonely = account.services["lonely"]["serviceArn"]
    told.impaired = function.invoke(event(at, "aws.ecs", "ECS Service Action", impaired, [lonely]))["decisions"]
    told.unreadable, told.dead = function.invoke(batch("{ not json")), stack.dead()
    sweep = event(BEGIN + timedelta(minutes=17), "steward", "Sweep", {})
    told.sweep = function.invoke(sweep)["decisions"]
    told.schedules = stack.scheduler.list_schedules(GroupName="steward-later")["Schedules"]
    told.put, told.refused = function.recorder.answered(), function.recorder.refused()
    return told


def text(alerts):
    """The only alert, as people read it."""
    (alert,) = alerts
    return json.loads(alert)["Message"]


def test_a_loop_is_told_once_with_the_last_lines_and_without_the_secret(story):
    assert [record["decision"] for record in story.looped] == ["counted", "counted", "told"]
    told = text(story.alerts)
    assert "container api ended with exit code 1, 3 times" in told
    assert "| listening on :8080" in told and "| Error: catalog not loaded, giving up" in told
    assert "9f8e7d6c" not in told


def test_what_changed_since_the_good_revision_is_told(story, account):
    first, second = (digest.removeprefix("sha256:")[:12] for digest in account.digests)
    told = text(story.alerts)
    assert "last good   api:1" in told and f"({first})" in told and f"({second})" in told


def test_deploy_is_asked_for_a_rollback_that_is_looked_at_twice(story):
    assert story.looped[-1]["verdict"] == "asked", story.looped[-1]
    assert "events:PutEvents" in story.put
    incident = story.looped[-1]["incident"]
    assert [incident in schedule["Name"] for schedule in story.schedules] == [True, True]
    assert all(schedule["Target"]["Arn"].endswith(":steward.fifo") for schedule in story.schedules)


def test_without_an_earlier_good_deployment_nothing_is_asked(story):
    told = story.lonely[-1]
    assert (told["decision"], told["verdict"]) == ("told", "guarded"), told
    assert "target" in told["guards_failed"].split()
    assert "no earlier deployment of it was successful" in text(story.of_lonely)


def test_a_job_is_told_because_of_the_tag_on_its_task(story):
    assert [record["class"] for record in story.job] == ["job-failed"]
    assert "container nightly ended with exit code 1" in text(story.of_job)


def test_a_start_that_is_impaired_is_noted_with_the_loop_that_is_open(story):
    assert [record["decision"] for record in story.impaired] == ["noted"]
    assert story.impaired[0]["incident"] == story.lonely[-1]["incident"]


def test_a_sweep_looks_at_what_is_open(story):
    """Failed once, when the sweep asked for sort keys that begin with nothing."""
    subjects = {record["subject"] for record in story.sweep}
    assert {"prod/api", "prod/lonely"} <= subjects, story.sweep


def test_what_nobody_can_read_goes_to_the_dead_letters(story):
    assert story.unreadable == {"batchItemFailures": []} and story.dead == ["{ not json"]


def test_moto_refuses_none_of_its_calls(story):
    assert story.refused == set()
