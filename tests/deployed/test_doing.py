"""Each function does its work in MiniStack: a real UpdateService and RegisterTaskDefinition, a snapshot, a task that migrates, an
alert. What MiniStack makes of that is its own affair (test_not_done.py): services are steady at once, and no task ends."""

from account import SERVICE, digest
from deployed import ACCOUNT, REGION, batch, sample, until

def test_a_push_to_the_registry_is_rolled_once(stack, account, tmp_path):
    before = account.described("api")["deployments"]
    event = sample("ecr-image-pushed")
    event["detail"] |= {"image-digest": account.push("second"), "image-tag": "latest"}
    assert stack.invoke("Deploy", batch(event), tmp_path) == {"batchItemFailures": []}
    (now,) = account.described("api")["deployments"]
    assert now["id"] != before[0]["id"] and now["taskDefinition"] == before[0]["taskDefinition"]
    assert stack.decisions("Deploy")[-1]["decision"] == "roll"
    # The same event once more, as EventBridge may deliver it.
    assert stack.invoke("Deploy", batch(event), tmp_path) == {"batchItemFailures": []}
    assert [deployment["id"] for deployment in account.described("api")["deployments"]] == [now["id"]]


def test_an_image_that_somebody_announces_on_the_bus_is_registered_by_digest_and_rolled(stack, account):
    old = account.definition("web")["taskDefinition"]
    pushed = {"repository": "ghcr.io/acme/web", "tag": "1.1.0", "digest": digest("web 1.1.0")}
    stack.put("image-pushed", **pushed)
    until(lambda: account.described("web")["taskDefinition"] != old["taskDefinitionArn"], "another revision")
    new = account.definition("web")
    (container,) = new["taskDefinition"]["containerDefinitions"]
    assert container["image"] == f"ghcr.io/acme/web@{pushed['digest']}"
    # Nothing else of it changed.
    assert container | {"image": "ghcr.io/acme/web:1.0.0"} == old["containerDefinitions"][0]
    same = ["family", "executionRoleArn", "networkMode", "requiresCompatibilities", "cpu", "memory"]
    assert [new["taskDefinition"][name] for name in same] == [old[name] for name in same]
    assert {"key": "team", "value": "shop"} in new["tags"]


def test_what_was_rolled_is_told_once(stack, account, tmp_path):
    told = []
    for _ in range(2):
        answer = stack.invoke("Deploy", sample("sweep"), tmp_path)
        decisions = {record["subject"]: record["decision"] for record in answer["decisions"]}
        assert decisions == {"shop/api": "up-to-date", "shop/web": "up-to-date"}, answer
        told += account.alerts()
    assert sorted(subject.split(": ")[0] for subject in told) == ["[Steward] shop/api", "[Steward] shop/web"], told


def test_three_broken_tasks_are_an_incident_and_one_alert(stack, account, tmp_path):
    stopped = sample("ecs-task-stopped-app-exit")
    deployment = account.described("web")["deployments"][0]["id"]
    events = []
    for number in range(3):
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/shop/{number:032x}"
        times = dict.fromkeys(("createdAt", "startedAt", "stoppedAt", "stoppingAt", "executionStoppedAt"), stopped["time"])
        detail = stopped["detail"] | times | {"taskArn": arn, "group": "service:web", "startedBy": deployment}
        events.append(stopped | {"id": f"stop-{number}", "resources": [arn], "detail": detail})
    assert stack.invoke("Heal", batch(*events), tmp_path) == {"batchItemFailures": []}
    assert [record["decision"] for record in stack.decisions("Heal")[-3:]] == ["counted", "counted", "told"]
    assert (f"SERVICE#{SERVICE}/web", "INCIDENT") in stack.items()
    (told,) = until(account.alerts, "an alert")
    assert told.startswith("[Steward] shop/web: container ") and told.endswith("3 times"), told
    # A rollback is not what anybody has allowed.
    assert account.described("web")["deployments"][0]["id"] == deployment


def test_a_snapshot_that_is_asked_for_is_taken_once_and_says_whose_it_is(stack, account):
    rds = stack.client("rds")
    database = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:crm"

    def taken():
        snapshots = rds.describe_db_cluster_snapshots(DBClusterIdentifier="crm")["DBClusterSnapshots"]
        tags = [{tag["Key"]: tag["Value"] for tag in snapshot["TagList"]} for snapshot in snapshots]
        return [tag for tag in tags if tag.get("steward:class") == "requested"]

    for _ in range(2):
        runs = stack.runs("Snapshot")
        stack.put("snapshot-requested", database=database, request="release-142")
        until(lambda: stack.runs("Snapshot") > runs and stack.is_idle("Snapshot"), "a run and an empty queue")
    (tags,) = taken()
    assert (tags["steward:owner"], tags["steward:database"]) == ("steward", "crm")


def test_a_migration_takes_its_lock_runs_one_task_and_will_look_again(stack, account):
    for _ in range(2):
        runs = stack.runs("Migrate")
        stack.put("migration-requested-person", service=f"{SERVICE}/job")
        until(lambda: stack.runs("Migrate") > runs and stack.is_idle("Migrate"), "a run and an empty queue")
    tasks = account.ecs.describe_tasks(cluster="shop", tasks=account.ecs.list_tasks(cluster="shop")["taskArns"])["tasks"]
    (task,) = [task for task in tasks if task["startedBy"].startswith("steward/m/")]
    run = task["startedBy"].split("/")[2]
    assert {("DATABASE#orders", "LOCK"), (f"RUN#{run}", "META"), ("MIGRATE", "OPEN")} <= set(stack.items())
    (container,) = account.ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]["containerDefinitions"]
    assert container["image"] == f"ghcr.io/acme/job@{digest('job')}"
    schedules = stack.client("scheduler").list_schedules(NamePrefix=f"migrate-{run}")["Schedules"]
    assert schedules and all(it["Target"]["Arn"].endswith(stack.outputs["MigrateQueueUrl"].split("/")[-1]) for it in schedules)


def test_nothing_was_given_up_on(stack):
    assert stack.undelivered() == {}
