"""What MiniStack (1.5.33, without Docker) does otherwise than AWS, one test each: docs/judges.md has the table. A test that fails here
says that MiniStack has learned something, and that one of the other tests can ask for more."""

import json

import pytest
from botocore.exceptions import ClientError

from deployed import ACCOUNT, FUNCTIONS, REGION, until


@pytest.fixture(scope="module")
def heard(stack):
    """A queue that hears everything on the bus, whoever says it."""
    events, sqs = stack.client("events"), stack.client("sqs")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="heard", EventPattern=json.dumps({"account": [ACCOUNT]}))
    events.put_targets(Rule="heard", Targets=[{"Id": "queue", "Arn": arn}])

    def heard():
        """The sources since the last look, up to the event that is put now."""
        events.put_events(Entries=[{"Source": "end", "DetailType": "End", "Detail": "{}"}])
        sources = []
        while "end" not in sources:
            for message in until(lambda: sqs.receive_message(QueueUrl=url).get("Messages"), "the last event"):
                sources.append(json.loads(message["Body"])["source"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return sources[: sources.index("end")]

    yield heard
    events.remove_targets(Rule="heard", Ids=["queue"])
    events.delete_rule(Name="heard")
    sqs.delete_queue(QueueUrl=url)


def test_neither_ecr_nor_ecs_nor_rds_says_anything_on_the_bus(stack, account, heard):
    assert heard() == []
    account.push("third", "other")
    account.ecs.update_service(cluster="shop", service="job", forceNewDeployment=True)
    stack.client("rds").create_db_cluster_snapshot(DBClusterIdentifier="crm", DBClusterSnapshotIdentifier="by-hand")
    assert heard() == []


def test_a_rollout_is_over_at_once_and_is_no_service_deployment(account):
    account.ecs.update_service(cluster="shop", service="job", forceNewDeployment=True)
    (deployment,) = account.described("job")["deployments"]
    assert (deployment["rolloutState"], deployment["runningCount"]) == ("COMPLETED", 1)
    assert account.ecs.list_service_deployments(cluster="shop", service="job")["serviceDeployments"] == []


def test_a_task_never_ends_and_that_of_a_service_says_it_was_started_by_its_name(account):
    tasks = account.ecs.describe_tasks(cluster="shop", tasks=account.ecs.list_tasks(cluster="shop")["taskArns"])["tasks"]
    assert {task["lastStatus"] for task in tasks} == {"RUNNING"}
    assert {task["startedBy"] for task in tasks if not task["startedBy"].startswith("steward/")} == {"api", "web", "job"}


def test_one_token_starts_two_tasks(account):
    asked = {"cluster": "shop", "taskDefinition": "job", "clientToken": "once"}
    arns = [account.ecs.run_task(**asked)["tasks"][0]["taskArn"] for _ in range(2)]
    assert arns[0] != arns[1]
    for arn in arns:
        account.ecs.stop_task(cluster="shop", task=arn)


def test_an_image_has_its_manifest_for_an_artifact(stack, account):
    """AWS names the media type of its configuration. Steward takes what has another one for no image, hence the lists of images."""
    manifest = json.dumps({"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.image.config.v1+json"}, "layers": []})
    media = "application/vnd.oci.image.manifest.v1+json"
    put = {"imageManifest": manifest, "imageManifestMediaType": media, "imageTag": "single"}
    stack.client("ecr").put_image(repositoryName="backend", **put)
    asked = {"repositoryName": "backend", "imageIds": [{"imageTag": "single"}]}
    (image,) = stack.client("ecr").describe_images(**asked)["imageDetails"]
    assert image["artifactMediaType"] == media


def test_a_database_of_no_cluster_names_an_empty_one(stack):
    rds = stack.client("rds")
    given = {"Engine": "postgres", "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": 20}
    rds.create_db_instance(DBInstanceIdentifier="alone", MasterUsername="admin", MasterUserPassword="not a secret", **given)
    (database,) = rds.describe_db_instances(DBInstanceIdentifier="alone")["DBInstances"]
    assert database["DBClusterIdentifier"] == ""


def test_snapshots_are_not_copied_and_have_no_quota(stack):
    rds = stack.client("rds")
    source = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster-snapshot:by-hand"
    copy = {"SourceDBClusterSnapshotIdentifier": source, "TargetDBClusterSnapshotIdentifier": "copy"}
    for call in (lambda: rds.copy_db_cluster_snapshot(**copy), rds.describe_account_attributes):
        with pytest.raises(ClientError, match="Unknown RDS action"):
            call()


def test_a_template_with_a_saved_query_is_refused(stack):
    """tests/stack holds the queries to what the functions log."""
    query = {"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": "q", "QueryString": "fields @message"}}
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        stack.client("cloudformation").create_stack(StackName="query", TemplateBody=json.dumps({"Resources": {"Query": query}}))


def test_nobody_is_refused_anything(stack):
    """With AUTH=true it does refuse, but looks at the cluster of a call where AWS looks at the service: no role that is as narrow as
    ours gets through. tests/stack judges the roles."""
    sqs, queue = stack.client("sqs"), stack.outputs["DeployQueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert "aws:SecureTransport" in policy and queue.startswith("http://")
    assert stack.waiting(queue) == 0, "and yet it told"
    sts = stack.client("sts")
    assert sts.get_caller_identity()["Arn"].endswith(":root")


def test_the_platforms_own_lines_are_no_json(stack):
    """The template asks for JSON."""
    for function in FUNCTIONS:
        assert any(line.startswith("START RequestId") for line in stack.lines(function))


def test_metrics_in_log_lines_are_not_taken_out(stack):
    assert any('"SweepCompleted":1' in line for line in stack.lines("Deploy"))
    assert stack.client("cloudwatch").list_metrics(Namespace="Steward")["Metrics"] == []


def test_a_service_is_found_among_more_names_than_aws_takes(account):
    names = ["api", *(f"none-{number}" for number in range(10))]
    assert len(account.ecs.describe_services(cluster="shop", services=names)["services"]) == 1
