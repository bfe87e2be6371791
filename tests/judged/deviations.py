"""Where moto is not as AWS: each with the test that holds it to it. Should one fail, moto has learnt it: strike it out here, and
show in a story what can be shown now. docs/conformance.md is written from this."""

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

FOUND = []


def deviation(action, said):
    """A test of what moto does otherwise in an operation, and how a person would say it."""

    def keep(test):
        FOUND.append((action, said, test))
        return test

    return keep


def service(ecs, name, desired):
    """A service of `desired` tasks, as moto describes it."""
    container = {"name": "api", "image": "api:1", "memory": 64}
    ecs.register_task_definition(family=name, containerDefinitions=[container])
    ecs.create_cluster(clusterName="prod")
    return ecs.create_service(cluster="prod", serviceName=name, taskDefinition=name, desiredCount=desired)["service"]


@deviation("ecs:UpdateService", "Starts no task: a rollout that wants some is IN_PROGRESS for ever, one that wants none COMPLETED at once.")
def rollouts_stand_still(aws):
    ecs = aws.client("ecs")
    states = [service(ecs, name, desired)["deployments"][0]["rolloutState"] for name, desired in (("two", 2), ("none", 0))]
    assert states == ["IN_PROGRESS", "COMPLETED"]
    updated = ecs.update_service(cluster="prod", service="two", forceNewDeployment=True)["service"]
    assert updated["deployments"][0]["rolloutState"] == "IN_PROGRESS"


@deviation("ecs:DescribeServices", "Has no service deployments and service revisions: `currentServiceDeployment` and `currentServiceRevisions` are absent.")
def services_have_no_revisions(aws):
    described = service(aws.client("ecs"), "plain", 1)
    assert not {"currentServiceDeployment", "currentServiceRevisions"} & set(described)


@deviation("ecs:RunTask", "Does not heed `clientToken`: asked twice, it starts two tasks.")
def the_same_token_starts_another_task(aws):
    ecs = aws.client("ecs")
    service(ecs, "token", 0)
    subnet = aws.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    vpc = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": []}}
    asked = {"cluster": "prod", "taskDefinition": "token", "launchType": "FARGATE", "networkConfiguration": vpc, "clientToken": "a"}
    first, second = (ecs.run_task(**asked)["tasks"][0]["taskArn"] for _ in range(2))
    assert first != second


@deviation("ecs:DescribeTasks", "A task has exit code 0 from its start, and never a stop code.")
def tasks_end_well_from_the_start(aws):
    ecs = aws.client("ecs")
    service(ecs, "ends", 0)
    subnet = aws.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    vpc = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": []}}
    (task,) = ecs.run_task(cluster="prod", taskDefinition="ends", launchType="FARGATE", networkConfiguration=vpc)["tasks"]
    assert [container["exitCode"] for container in task["containers"]] == [0]
    stopped = ecs.stop_task(cluster="prod", task=task["taskArn"])["task"]
    assert "stopCode" not in stopped


@deviation("ecs:ListTasks", "Does not heed `serviceName`: it lists the tasks of all services.")
def tasks_are_of_every_service(aws):
    ecs = aws.client("ecs")
    service(ecs, "mine", 0)
    subnet = aws.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    vpc = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": []}}
    ecs.run_task(cluster="prod", taskDefinition="mine", launchType="FARGATE", networkConfiguration=vpc)
    assert ecs.list_tasks(cluster="prod", serviceName="nonesuch")["taskArns"]


@deviation("events:PutEvents", "Takes the events of `aws.*` sources, which AWS refuses.")
def anybody_may_speak_for_aws(aws):
    entry = {"Source": "aws.ecs", "DetailType": "ECS Task State Change", "Detail": "{}"}
    assert aws.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


@deviation("rds:CreateDBSnapshot", "A snapshot is available at once.")
def snapshots_take_no_time(aws):
    rds = aws.client("rds")
    instance = {"DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20, "Engine": "postgres"}
    secret = {"MasterUsername": "root", "MasterUserPassword": "not-a-secret"}
    rds.create_db_instance(DBInstanceIdentifier="quick", **instance, **secret)
    made = rds.create_db_snapshot(DBInstanceIdentifier="quick", DBSnapshotIdentifier="quick")["DBSnapshot"]
    assert made["Status"] == "available"


@deviation("rds:CreateDBClusterSnapshot", "A snapshot is available at once.")
def cluster_snapshots_take_no_time(aws):
    rds = aws.client("rds")
    secret = {"MasterUsername": "root", "MasterUserPassword": "not-a-secret"}
    rds.create_db_cluster(DBClusterIdentifier="quick", Engine="aurora-postgresql", **secret)
    made = rds.create_db_cluster_snapshot(DBClusterIdentifier="quick", DBClusterSnapshotIdentifier="quick-cluster")
    assert made["DBClusterSnapshot"]["Status"] == "available"


@deviation("rds:DescribeDBInstances", "All instances have one and the same DbiResourceId.")
def instances_are_not_told_apart(aws):
    rds = aws.client("rds")
    instance = {"DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20, "Engine": "postgres"}
    secret = {"MasterUsername": "root", "MasterUserPassword": "not-a-secret"}
    for name in ("one", "two"):
        rds.create_db_instance(DBInstanceIdentifier=name, **instance, **secret)
    found = [it for it in rds.describe_db_instances()["DBInstances"] if it["DBInstanceIdentifier"] in ("one", "two")]
    assert len(found) == 2 and len({it["DbiResourceId"] for it in found}) == 1


@deviation("scheduler:CreateSchedule", "Fires no schedule.")
def schedules_do_not_fire(aws):
    queue = aws.client("sqs").create_queue(QueueName="fired")["QueueUrl"]
    target = {"Arn": "arn:aws:sqs:eu-west-1:123456789012:fired", "RoleArn": "arn:aws:iam::123456789012:role/a", "Input": "{}"}
    past = {"Name": "past", "ScheduleExpression": "at(2020-01-01T00:00:00)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    aws.client("scheduler").create_schedule(**past, Target=target)
    assert "Messages" not in aws.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1)


LACKS = [
    "ecs:ContinueServiceDeployment",
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:ListServiceDeployments",
    "ecs:StopServiceDeployment",
    "rds:DescribeAccountAttributes",
]


def lacks(aws, action):
    """Whether moto says that it does not have an operation."""
    name, operation = action.split(":")
    client = aws.client(name)
    arguments = {"service": "a", "serviceArn": "a", "serviceDeploymentArn": "a", "hookId": "a"}
    arguments |= {"serviceDeploymentArns": ["a"], "serviceRevisionArns": ["a"]}
    members = botocore.session.get_session().get_service_model(name).operation_model(operation).input_shape.required_members
    call = getattr(client, botocore.xform_name(operation))
    # Of a query service moto fails with a page of HTML, which botocore cannot read.
    with pytest.raises((ClientError, ResponseParserError)) as refused:
        call(**{member: arguments[member] for member in members})
    return isinstance(refused.value, ResponseParserError) or refused.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
