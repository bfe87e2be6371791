"""What the lab refuses: every error code that its source can answer is had once, and botocore's model of the operation knows it
(the `client` fixture looks). Codes without a model, and those that cannot be had from outside, are named with the reason."""

import json
import re
import time
from pathlib import Path

import botocore.session
import pytest
from botocore.exceptions import ClientError

from served import SERVICES
from shapes import codes

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
SHOP = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:service/shop"
SNAPSHOTS = [("db_snapshot", "DBSnapshot", "DBInstance", "shop"), ("db_cluster_snapshot", "DBClusterSnapshot", "DBCluster", "crm")]


@pytest.fixture
def refuse(client):
    """Calls an operation that has to be refused with this code."""

    def call(asked, operation, code, /, **arguments):
        with pytest.raises(ClientError) as refused:
            getattr(asked, operation)(**arguments)
        error = refused.value.response["Error"]
        assert code in (error["Code"], error.get("QueryErrorCode")), refused.value

    return call


def test_ecs(client, refuse):
    ecs = client("ecs")
    refuse(ecs, "describe_services", "ClusterNotFoundException", cluster="nonesuch", services=["a"])
    refuse(ecs, "describe_services", "InvalidParameterException", cluster="shop", services=["a"] * 11)
    refuse(ecs, "update_service", "ServiceNotFoundException", cluster="shop", service="nonesuch")
    refuse(ecs, "describe_task_definition", "ClientException", taskDefinition="nonesuch")
    refuse(ecs, "list_tasks", "InvalidParameterException", cluster="shop", startedBy="a", family="backend")
    refuse(ecs, "run_task", "InvalidParameterException", cluster="shop", taskDefinition="backend", startedBy="a:b")
    refuse(ecs, "tag_resource", "ResourceNotFoundException", resourceArn=f"{SHOP}/nonesuch", tags=[{"key": "a", "value": "b"}])
    hook = {"serviceDeploymentArn": "nonesuch", "hookId": "a"}
    refuse(ecs, "continue_service_deployment", "ServiceDeploymentNotFoundException", **hook)
    refuse(ecs, "stop_service_deployment", "ServiceDeploymentNotFoundException", serviceDeploymentArn="nonesuch")
    (ended,) = ecs.list_service_deployments(cluster="shop", service="worker")["serviceDeployments"]
    refuse(ecs, "stop_service_deployment", "ConflictException", serviceDeploymentArn=ended["serviceDeploymentArn"])
    ecs.create_service(cluster="shop", serviceName="refused", taskDefinition="backend", desiredCount=1)
    (running,) = ecs.list_service_deployments(cluster="shop", service="refused")["serviceDeployments"]
    abort = {"serviceDeploymentArn": running["serviceDeploymentArn"], "stopType": "ABORT"}
    refuse(ecs, "stop_service_deployment", "UnsupportedFeatureException", **abort)
    ecs.delete_service(cluster="shop", service="refused", force=True)
    refuse(ecs, "update_service", "ServiceNotActiveException", cluster="shop", service="refused", desiredCount=2)


def test_ecr(client, refuse):
    ecr = client("ecr")
    refuse(ecr, "describe_images", "RepositoryNotFoundException", repositoryName="nonesuch")
    refuse(ecr, "describe_images", "ImageNotFoundException", repositoryName="backend", imageIds=[{"imageTag": "nonesuch"}])
    ecr.create_repository(repositoryName="refused", imageTagMutability="IMMUTABLE")
    refuse(ecr, "create_repository", "RepositoryAlreadyExistsException", repositoryName="refused")
    blob = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 1, "digest": "sha256:" + "1" * 64}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": blob, "layers": []}
    put = {"repositoryName": "refused", "imageManifest": json.dumps(manifest), "imageTag": "1"}
    refuse(ecr, "put_image", "ImageDigestDoesNotMatchException", **put, imageDigest="sha256:" + "2" * 64)
    ecr.put_image(**put)
    refuse(ecr, "put_image", "ImageAlreadyExistsException", **put)
    other = json.dumps(manifest | {"annotations": {"a": "b"}})
    refuse(ecr, "put_image", "ImageTagAlreadyExistsException", **put | {"imageManifest": other})
    child = {"mediaType": manifest["mediaType"], "size": 1, "digest": "sha256:" + "3" * 64}
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [child]}
    refuse(ecr, "put_image", "ReferencedImagesNotFoundException", **put | {"imageManifest": json.dumps(index), "imageTag": "2"})
    refuse(ecr, "put_image", "InvalidParameterException", **put | {"imageManifest": "{"})


def test_tagging(client, refuse):
    filters = [{"Key": str(number)} for number in range(51)]
    refuse(client("resourcegroupstaggingapi"), "get_resources", "InvalidParameterException", TagFilters=filters)


def test_dynamodb(client, refuse):
    dynamodb = client("dynamodb")
    keys = {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}], "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}
    table = {"TableName": "refused", "BillingMode": "PAY_PER_REQUEST"} | keys
    dynamodb.create_table(**table)
    refuse(dynamodb, "create_table", "ResourceInUseException", **table)
    refuse(dynamodb, "get_item", "ResourceNotFoundException", TableName="nonesuch", Key={"pk": {"S": "a"}})
    empty = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": ""}}}
    refuse(dynamodb, "query", "ValidationException", TableName="refused", **empty)
    never = {"Item": {"pk": {"S": "a"}}, "ConditionExpression": "attribute_exists(pk)", "TableName": "refused"}
    refuse(dynamodb, "put_item", "ConditionalCheckFailedException", **never)
    refuse(dynamodb, "transact_write_items", "TransactionCanceledException", TransactItems=[{"Put": never}])


def test_sqs(client, refuse):
    sqs = client("sqs")
    refuse(sqs, "get_queue_url", "AWS.SimpleQueueService.NonExistentQueue", QueueName="nonesuch")
    refuse(sqs, "create_queue", "InvalidParameterValue", QueueName="refused", Attributes={"FifoQueue": "true"})
    url = sqs.create_queue(QueueName="refused.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    refuse(sqs, "send_message", "MissingParameter", QueueUrl=url, MessageBody="a")
    refuse(sqs, "change_message_visibility", "MessageNotInflight", QueueUrl=url, ReceiptHandle="a", VisibilityTimeout=1)
    arn = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:refused.fifo"
    refuse(sqs, "start_message_move_task", "ResourceNotFoundException", SourceArn=arn)
    sqs.delete_queue(QueueUrl=url)


def test_sns(client, refuse):
    sns = client("sns")
    topic = sns.create_topic(Name="refused")["TopicArn"]
    refuse(sns, "publish", "NotFound", TopicArn=f"arn:aws:sns:eu-west-1:{ACCOUNT}:nonesuch", Message="hello")
    refuse(sns, "publish", "InvalidParameter", TopicArn=topic, Message="hello", Subject="two\nlines")
    nothing = {"a": {"DataType": "String", "StringValue": ""}}
    refuse(sns, "publish", "ParameterValueInvalid", TopicArn=topic, Message="hello", MessageAttributes=nothing)


def test_events(client, refuse):
    events = client("events")
    refuse(events, "describe_rule", "ResourceNotFoundException", Name="nonesuch")
    refuse(events, "put_events", "ValidationException", Entries=[])
    refuse(events, "test_event_pattern", "InvalidEventPatternException", EventPattern='{"source": "a"}', Event="{}")


def test_logs(client, refuse):
    refuse(client("logs"), "get_log_events", "ResourceNotFoundException", logGroupName="/nonesuch", logStreamName="a")


def test_kms(client, refuse):
    refuse(client("kms"), "describe_key", "NotFoundException", KeyId="alias/nonesuch")


def test_scheduler(client, refuse):
    scheduler = client("scheduler")
    refuse(scheduler, "get_schedule", "ResourceNotFoundException", Name="nonesuch")
    refuse(scheduler, "create_schedule", "ValidationException", Name="late", ScheduleExpression="at(2020-01-01T00:00:00)")
    group = scheduler.list_schedules()["Schedules"][0]
    target = {"Arn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:steward-DeployQueue.fifo", "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/a"}
    target |= {"Input": "{}", "SqsParameters": {"MessageGroupId": "deploy"}}
    again = {"Name": group["Name"], "GroupName": group["GroupName"], "ScheduleExpression": "at(2099-01-01T00:00:00)"}
    again |= {"Target": target, "FlexibleTimeWindow": {"Mode": "OFF"}}
    refuse(scheduler, "create_schedule", "ConflictException", **again)


@pytest.mark.parametrize(("kind", "name", "database", "identifier"), SNAPSHOTS)
def test_rds(client, refuse, kind, name, database, identifier):
    rds, far = client("rds"), client("rds", "ap-south-1")
    named, of = f"{name}Identifier", {f"{database}Identifier": identifier}
    cluster = database == "DBCluster"

    def code(instances, clusters):
        return clusters if cluster else instances

    no_database = code("DBInstanceNotFound", "DBClusterNotFoundFault")
    refuse(rds, f"describe_{kind.removesuffix('_snapshot')}s" if cluster else "describe_db_instances", no_database, **{f"{database}Identifier": "nonesuch"})
    refuse(rds, f"describe_{kind}s", "InvalidParameterValue", MaxRecords=5)
    refuse(rds, f"create_{kind}", "InvalidParameterValue", **of, **{named: "a--b"})
    refuse(rds, f"create_{kind}", no_database, **{f"{database}Identifier": "nonesuch", named: "refused"})
    refuse(rds, f"delete_{kind}", code("DBSnapshotNotFound", "DBClusterSnapshotNotFoundFault"), **{named: "nonesuch"})
    if not cluster:
        member = rds.describe_db_clusters()["DBClusters"][0]["DBClusterMembers"][0]["DBInstanceIdentifier"]
        refuse(rds, f"create_{kind}", "InvalidDBInstanceState", DBInstanceIdentifier=member, **{named: "refused"})
    arn = _when_ready(rds, kind, of, {named: "refused"})[f"{name}Arn"]
    refuse(rds, f"create_{kind}", code("DBSnapshotAlreadyExists", "DBClusterSnapshotAlreadyExistsFault"), **of, **{named: "refused"})
    refuse(rds, f"delete_{kind}", code("InvalidDBSnapshotState", "InvalidDBClusterSnapshotStateFault"), **{named: "refused"})
    rds.get_waiter(f"{kind}_available").wait(**{named: "refused"}, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    friends = [f"{number:012}" for number in range(21)]
    refuse(rds, f"modify_{kind}_attribute", "SharedSnapshotQuotaExceeded", **{named: "refused"}, AttributeName="restore", ValuesToAdd=friends)
    source, target = f"Source{name}Identifier", f"Target{name}Identifier"
    no_key = {"KmsKeyId": "alias/nonesuch"}
    refuse(far, f"copy_{kind}", code("KMSKeyNotAccessibleFault", "InvalidParameterCombination"), **{source: arn, target: "refused"}, **no_key)
    for number in range(20):
        getattr(far, f"copy_{kind}")(**{source: arn, target: f"refused-{number}"})
    refuse(far, f"copy_{kind}", "SnapshotQuotaExceeded", **{source: arn, target: "refused-20"})
    getattr(rds, f"delete_{kind}")(**{named: "refused"})


def _when_ready(rds, kind, of, named):
    """Takes the snapshot; a database that another test has just taken one of is busy for a while."""
    for _ in range(60):
        try:
            (made,) = [it for key, it in getattr(rds, f"create_{kind}")(**of, **named).items() if key != "ResponseMetadata"]
            return made
        except rds.exceptions.InvalidDBInstanceStateFault:
            time.sleep(0.5)
    raise AssertionError("the database stays busy")


# ---- All of them -----------------------------------------------------------------------------------------------------

# Whose file in tests/lab is whose service.
FILES = {"tagging": "resourcegroupstaggingapi", "queues": "sqs", "fifo": "sqs"}
# Answered to any call of any service, by what stands before them: a fault on request, throttling, a call that cannot be read.
BEFORE = {"account", "http", "rest", "service", "throttle", "world", "faults"}
# Codes that are in an answer, not instead of one.
WITHIN = {("ecr", "ImageNotFound"), ("events", "InvalidArgument"), ("events", "MalformedDetail")}
WITHIN |= {("events", "NotAuthorizedForSourceException"), ("events", "InternalFailure")}
# Had in Rust alone: through the port no database of this kind ever gets into such a state.
NOT_FROM_OUTSIDE = {("rds", "InvalidDBClusterStateFault"): "CreateDBClusterSnapshot"}

def written():
    """All error codes in the lab's source, by service: what `ApiError::client` is called with, and all words that are codes in
    AWS's models."""
    session, found = botocore.session.get_session(), set()
    known = {name: set() for name in SERVICES}
    for service in SERVICES:
        model = session.get_service_model(service)
        for operation in model.operation_names:
            known[service] |= codes(model.operation_model(operation))
    lab = ROOT / "tests/lab"
    for path in sorted(lab.rglob("*.rs")):
        first = path.relative_to(lab).parts[0].removesuffix(".rs")
        service = FILES.get(first, first)
        if "tests" in path.parts[-2:] or path.stem == "tests" or first in BEFORE or service not in SERVICES:
            continue
        text = path.read_text().split("#[cfg(test)]")[0]
        said = set(re.findall(r'ApiError::client\(\s*"([\w.]+)"', text))
        said |= {word for word in re.findall(r'"([A-Z][\w.]+)"', text) if word in known[service]}
        found |= {(service, code) for code in said}
    return found


def test_every_code_in_the_source_was_had_and_is_known(asked):
    all_codes = written() - WITHIN
    assert len(all_codes) > 35, sorted(all_codes)
    assert all_codes - asked.refused == set(NOT_FROM_OUTSIDE)
    for (service, code), operation in NOT_FROM_OUTSIDE.items():
        assert code in codes(botocore.session.get_session().get_service_model(service).operation_model(operation))
