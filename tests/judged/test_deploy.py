"""The real binary of `deploy` against moto: pushes of all kinds, a person's requests, sweeps. Its tagging API, ECS, ECR, DynamoDB,
EventBridge, SNS and SQS parse what the SDK sends, and the SDK parses what they answer.

What moto does not do, so that nothing is shown of it here (`deviations.py` holds it to that):
- A rollout with tasks stays IN_PROGRESS for ever: outcomes are for the lab. One without tasks is COMPLETED at once, which is used.
- Service deployments and revisions. For the way back a stand-in tells which deployment was good, in AWS's own shape.
"""

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from events import ACCOUNT, REGION, batch, event
from images import HOST, MANIFEST, push

BEGIN = datetime(2037, 3, 6, 9, 0, tzinfo=timezone.utc)
ELSEWHERE = "ghcr.io/acme/api"


@pytest.fixture(scope="module")
def account(aws):
    """Five services of one cluster; `pins` and `forced` want no task, so that their rollouts end."""
    ecs, ecr = aws.client("ecs"), aws.client("ecr")
    ecs.create_cluster(clusterName="prod")
    ecr.create_repository(repositoryName="backend")
    first = push(ecr, "first", "latest", "1.0.0")
    services = {}

    def service(name, image, desired=0, label=None, **tags):
        container = {"name": name, "image": image, "essential": True, "memory": 64, "environment": [{"name": "A", "value": "1"}]}
        container |= {"dockerLabels": {"steward.migrate": label}} if label else {}
        ecs.register_task_definition(family=name, containerDefinitions=[container], tags=[{"key": "team", "value": "shop"}])
        tags = [{"key": f"steward:{key}", "value": value} for key, value in tags.items()]
        made = ecs.create_service(cluster="prod", serviceName=name, taskDefinition=name, desiredCount=desired, tags=tags)
        services[name] = made["service"]["serviceArn"]

    service("pins", f"{HOST}/backend:1.0.0", deploy="semver:minor")
    service("forced", f"{HOST}/backend:latest", deploy="follow", mode="force")
    service("migrates", f"{HOST}/backend:1.0.0", label='["up"]', deploy="semver:minor", migrate="migrates")
    service("elsewhere", f"{ELSEWHERE}:1.0.0", desired=1, deploy="semver:minor")
    service("quiet", f"{HOST}/backend:latest")

    def described(name):
        (found,) = ecs.describe_services(cluster="prod", services=[name])["services"]
        return found

    return SimpleNamespace(ecs=ecs, ecr=ecr, first=first, services=services, described=described)


def good(services):
    """Two deployments of `pins`, the first of which went well."""
    pins, at = services["pins"], datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()
    arn = pins.replace(":service/", ":service-{}/").format
    tried = [
        {
            "serviceArn": pins,
            "serviceDeploymentArn": f"{arn('deployment')}/{number}",
            "targetServiceRevisionArn": f"{arn('revision')}/{number}",
            "status": status,
            "createdAt": at + number,
        }
        for number, status in enumerate(["SUCCESSFUL", "ROLLBACK_FAILED"], 1)
    ]

    def revision(number):
        of = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/pins:{number}"
        return {"serviceRevisionArn": f"{arn('revision')}/{number}", "serviceArn": pins, "taskDefinition": of, "createdAt": at + number}

    return {
        "ecs:ListServiceDeployments": lambda _: {"serviceDeployments": tried},
        "ecs:DescribeServiceRevisions": lambda asked: {
            "serviceRevisions": [revision(int(one.rsplit("/")[-1])) for one in asked["serviceRevisionArns"]]
        },
    }


@pytest.fixture(scope="module")
def story(aws, account, stack, start):
    """A sweep, a push of a new version with two tags, one elsewhere, requests of people, what nobody can read."""
    function, told = start("deploy", good(account.services)), SimpleNamespace()

    def wake(minutes, source, kind, resources=(), **detail):
        return function.invoke(event(BEGIN + timedelta(minutes=minutes), source, kind, detail, resources))["decisions"]

    def pushed(minutes, digest, tag):
        what = {"repository-name": "backend", "image-digest": digest, "image-tag": tag, "manifest-media-type": MANIFEST}
        return wake(minutes, "aws.ecr", "ECR Image Action", **{"action-type": "PUSH", "result": "SUCCESS"}, **what)

    told.quiet = wake(0, "steward", "Sweep")
    told.second = push(account.ecr, "second", "latest", "1.1.0")
    told.version, told.latest = pushed(5, told.second, "1.1.0"), pushed(6, told.second, "latest")
    told.pinned, told.forced = account.described("pins"), account.described("forced")
    told.announced = wake(7, "steward", "Image Pushed", repository=ELSEWHERE, tag="1.1.0", digest=told.second)
    told.after = wake(10, "steward", "Sweep")
    ended = {"eventType": "INFO", "eventName": "SERVICE_DEPLOYMENT_COMPLETED", "reason": "", "updatedAt": "2037-03-06T09:11:00Z"}
    rolling = account.described("elsewhere")["deployments"][0]["id"]
    ended |= {"deploymentId": rolling, "clusterArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/prod"}
    told.ended = wake(11, "aws.ecs", "ECS Deployment State Change", [account.services["elsewhere"]], **ended)
    asked = {"requested-by": "ana"}
    told.untagged = wake(12, "steward", "Deploy Requested", service=account.services["quiet"], digest=told.second, **asked)
    told.back = wake(13, "steward", "Rollback Requested", service=account.services["pins"], **asked)
    told.unreadable = function.invoke(batch("{ not json"))
    told.alerts, told.dead = stack.alerts(), stack.dead()
    told.refused = function.recorder.refused()
    return told


def decisions(records):
    return {record["subject"].removeprefix("prod/"): record["decision"] for record in records}


def images(ecs, arn):
    definition = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    return [it["image"] for it in definition["taskDefinition"]["containerDefinitions"]], definition


def test_what_runs_what_it_should_is_left_and_the_untagged_is_not_even_seen(story):
    found = decisions(story.quiet)
    assert found == found | {"pins": "up-to-date", "migrates": "up-to-date"} and "quiet" not in found, found
    assert "roll" not in found.values()


def test_a_push_is_pinned_by_digest_in_a_copy_of_the_revision(story, account):
    assert decisions(story.version)["pins"] == "roll"
    (image,), definition = images(account.ecs, story.pinned["taskDefinition"])
    assert image == f"{HOST}/backend@{story.second}"
    assert definition["tags"] == [{"key": "team", "value": "shop"}]
    assert definition["taskDefinition"]["containerDefinitions"][0]["environment"] == [{"name": "A", "value": "1"}]
    assert story.pinned["taskDefinition"].endswith("/pins:2")


def test_force_starts_the_same_revision_again(story):
    assert decisions(story.latest)["forced"] == "roll"
    assert story.forced["taskDefinition"].endswith("/forced:1")


def test_what_migrates_is_not_rolled_before_it_is_migrated(story, account):
    assert decisions(story.version)["migrates"] == "migrating"
    assert account.described("migrates")["taskDefinition"].endswith("/migrates:1")


def test_an_image_of_another_registry_rolls_when_it_is_announced(story, account):
    assert decisions(story.announced)["elsewhere"] == "roll"
    (image,), _ = images(account.ecs, account.described("elsewhere")["taskDefinition"])
    assert image == f"{ELSEWHERE}@{story.second}"
    # It wants a task, which moto never starts: its rollout goes on.
    assert decisions(story.after)["elsewhere"] == "under-way"


def test_the_second_look_rolls_nothing(story):
    assert "roll" not in decisions(story.after).values(), story.after


def test_an_event_that_says_too_much_ends_nothing(story):
    """ECS, asked, does not say that the rollout has ended."""
    assert decisions(story.ended) == {"elsewhere": "watched"}
    assert story.ended[0]["attempt"] == "Rolling"


def test_a_person_cannot_roll_what_has_not_opted_in(story, account):
    assert decisions(story.untagged) == {"quiet": "opted-out"}
    assert account.described("quiet")["taskDefinition"].endswith("/quiet:1")


def test_a_rollback_goes_to_the_revision_that_was_good(story, account):
    assert decisions(story.back) == {"pins": "roll-back"}, story.back
    assert account.described("pins")["taskDefinition"].endswith("/pins:1")


def test_what_nobody_can_read_goes_to_the_dead_letters_and_people_are_told(story):
    assert story.unreadable == {"batchItemFailures": []}
    assert story.dead == ["{ not json"]
    assert len(story.alerts) > 0


def test_moto_refuses_none_of_its_calls(story):
    assert story.refused == set()
