"""A tour through what the lab serves: every answer is parsed by botocore and held against AWS's own service model. What the
answers mean is tested in Rust; here it is their form, down to unknown members, missing members and words outside an enum."""

import json
import time

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
SERVICE = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:service/shop/backend"


def until(question, seconds=20):
    """Asks until the answer is true; the lab's clock runs faster than ours."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.2)
    return answer


def test_ecs_reads(client):
    ecs = client("ecs")
    assert ecs.list_clusters()["clusterArns"]
    assert ecs.describe_clusters(clusters=["shop"])["clusters"][0]["status"] == "ACTIVE"
    assert SERVICE in ecs.list_services(cluster="shop")["serviceArns"]
    (service,) = ecs.describe_services(cluster="shop", services=["backend"], include=["TAGS"])["services"]
    assert {"key": "steward:deploy", "value": "follow"} in service["tags"]
    assert ecs.list_tags_for_resource(resourceArn=SERVICE)["tags"] == service["tags"]
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])
    assert definition["taskDefinition"]["taskDefinitionArn"] == service["taskDefinition"]
    assert ecs.list_task_definitions()["taskDefinitionArns"]
    arns = [revision["arn"] for revision in service["currentServiceRevisions"]]
    (revision,) = ecs.describe_service_revisions(serviceRevisionArns=arns)["serviceRevisions"]
    assert revision["containerImages"][0]["imageDigest"].startswith("sha256:")
    (deployment,) = ecs.list_service_deployments(cluster="shop", service="backend")["serviceDeployments"]
    (described,) = ecs.describe_service_deployments(serviceDeploymentArns=[deployment["serviceDeploymentArn"]])["serviceDeployments"]
    assert described["status"] == "SUCCESSFUL"
    tasks = ecs.list_tasks(cluster="shop", serviceName="backend")["taskArns"]
    assert len(ecs.describe_tasks(cluster="shop", tasks=tasks)["tasks"]) == 2


def test_ecs_writes(client):
    ecs = client("ecs")
    ecs.create_cluster(clusterName="tour")
    base = ecs.describe_task_definition(taskDefinition="backend")["taskDefinition"]
    registered = ecs.register_task_definition(
        family="tour",
        containerDefinitions=base["containerDefinitions"],
        cpu="256",
        memory="512",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        tags=[{"key": "team", "value": "tour"}],
    )["taskDefinition"]
    ecs.create_service(cluster="tour", serviceName="tour", taskDefinition=registered["taskDefinitionArn"], desiredCount=1, launchType="FARGATE")
    arn = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:service/tour/tour"

    def steady():
        (service,) = ecs.describe_services(cluster="tour", services=["tour"])["services"]
        return service["deployments"][0]["rolloutState"] == "COMPLETED"

    until(steady)
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "steward:hold", "value": "tour"}])
    ecs.untag_resource(resourceArn=arn, tagKeys=["steward:hold"])
    ecs.update_service(cluster="tour", service="tour", forceNewDeployment=True)
    (running,) = ecs.list_service_deployments(cluster="tour", service="tour", status=["PENDING", "IN_PROGRESS"])["serviceDeployments"]
    ecs.stop_service_deployment(serviceDeploymentArn=running["serviceDeploymentArn"], stopType="ROLLBACK")
    until(steady)
    (task,) = ecs.list_tasks(cluster="tour", serviceName="tour")["taskArns"]
    ecs.stop_task(cluster="tour", task=task, reason="tour")
    ecs.update_service(cluster="tour", service="tour", desiredCount=0)
    ecs.delete_service(cluster="tour", service="tour", force=True)
    ecs.deregister_task_definition(taskDefinition=registered["taskDefinitionArn"])


def test_ecs_jobs(client):
    ecs = client("ecs")
    request = {
        "cluster": "shop",
        "taskDefinition": "backend",
        "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}},
        "overrides": {"containerOverrides": [{"name": "backend", "command": ["up"], "environment": [{"name": "STEP", "value": "1"}]}]},
        "tags": [{"key": "team", "value": "tour"}],
        "startedBy": "tour",
        "clientToken": "tour",
    }
    (task,) = ecs.run_task(**request)["tasks"]
    with pytest.raises(ecs.exceptions.ConflictException) as conflict:
        ecs.run_task(**request | {"startedBy": "somebody"})
    assert conflict.value.response["resourceIds"] == [task["taskArn"]]

    def status():
        (described,) = ecs.describe_tasks(cluster="shop", tasks=[task["taskArn"]], include=["TAGS"])["tasks"]
        return described["lastStatus"]

    until(lambda: status() == "RUNNING")
    assert ecs.list_tasks(cluster="shop", startedBy="tour")["taskArns"] == [task["taskArn"]]
    ecs.stop_task(cluster="shop", task=task["taskArn"])
    until(lambda: status() == "STOPPED")
    assert task["taskArn"] in ecs.list_tasks(cluster="shop", family="backend", desiredStatus="STOPPED")["taskArns"]
    assert ecs.run_task(**request)["tasks"] == [{"taskArn": task["taskArn"], "lastStatus": "STOPPED", "desiredStatus": "STOPPED"}]


def test_ecs_hooks(client):
    ecs = client("ecs")
    hook = {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"], "timeoutConfiguration": {"timeoutInMinutes": 20160, "action": "ROLLBACK"}}
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "assignPublicIp": "DISABLED"}}
    ecs.create_service(
        cluster="shop",
        serviceName="gated",
        taskDefinition="backend",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=network,
        deploymentConfiguration={"lifecycleHooks": [hook]},
    )
    (service,) = ecs.describe_services(cluster="shop", services=["gated"])["services"]
    assert service["deploymentConfiguration"]["lifecycleHooks"] == [hook]
    arn = service["currentServiceDeployment"]

    def deployment():
        (described,) = ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        return described

    (waiting,) = deployment()["lifecycleHookDetails"]
    assert (deployment()["lifecycleStage"], waiting["status"]) == ("PRE_SCALE_UP", "AWAITING_ACTION")
    ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId=waiting["hookId"], action="CONTINUE")
    until(lambda: deployment()["status"] == "SUCCESSFUL")
    (revision,) = ecs.describe_service_revisions(serviceRevisionArns=[deployment()["targetServiceRevision"]["arn"]])["serviceRevisions"]
    assert revision["networkConfiguration"] == network
    ecs.delete_service(cluster="shop", service="gated", force=True)


def test_ecr(client):
    ecr = client("ecr")
    ecr.create_repository(repositoryName="tour")
    assert "tour" in [it["repositoryName"] for it in ecr.describe_repositories()["repositories"]]
    (image,) = ecr.batch_get_image(repositoryName="backend", imageIds=[{"imageTag": "latest"}])["images"]
    ecr.put_image(repositoryName="backend", imageTag="tour", imageManifest=image["imageManifest"])
    (detail,) = ecr.describe_images(repositoryName="backend", imageIds=[{"imageTag": "tour"}])["imageDetails"]
    assert detail["imageDigest"] == image["imageId"]["imageDigest"] and detail["imagePushedAt"].year >= 2020
    assert {"imageTag": "tour", "imageDigest": detail["imageDigest"]} in ecr.list_images(repositoryName="backend")["imageIds"]
    answer = ecr.batch_delete_image(repositoryName="backend", imageIds=[{"imageTag": "tour"}, {"imageTag": "nonesuch"}])
    assert [failure["failureCode"] for failure in answer["failures"]] == ["ImageNotFound"]


def test_tagging(client):
    found = client("resourcegroupstaggingapi").get_resources(
        ResourceTypeFilters=["ecs:service"], TagFilters=[{"Key": "steward:deploy"}], ResourcesPerPage=100
    )
    assert SERVICE in [it["ResourceARN"] for it in found["ResourceTagMappingList"]]


def test_dynamodb(client):
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="tour",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )
    assert "tour" in dynamodb.list_tables()["TableNames"]
    assert dynamodb.describe_table(TableName="tour")["Table"]["TableStatus"] == "ACTIVE"
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    dynamodb.put_item(TableName="tour", Item=key | {"n": {"N": "1"}}, ConditionExpression="attribute_not_exists(pk)")
    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        dynamodb.put_item(TableName="tour", Item=key, ConditionExpression="attribute_not_exists(pk)")
    updated = dynamodb.update_item(
        TableName="tour",
        Key=key,
        UpdateExpression="SET n = n + :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="ALL_NEW",
    )
    assert updated["Attributes"]["n"] == {"N": "2"}
    assert dynamodb.get_item(TableName="tour", Key=key, ConsistentRead=True)["Item"]["n"] == {"N": "2"}
    assert dynamodb.batch_get_item(RequestItems={"tour": {"Keys": [key]}})["Responses"]["tour"]
    values = {":pk": {"S": "a"}}
    assert dynamodb.query(TableName="tour", KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values)["Count"] == 1
    assert dynamodb.scan(TableName="tour")["Count"] == 1
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        dynamodb.transact_write_items(
            TransactItems=[{"Put": {"TableName": "tour", "Item": key, "ConditionExpression": "attribute_not_exists(pk)"}}]
        )
    dynamodb.delete_item(TableName="tour", Key=key)


def test_sqs(client):
    sqs = client("sqs")
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="tour.fifo", Attributes=attributes)["QueueUrl"]
    assert url in sqs.list_queues()["QueueUrls"]
    assert sqs.get_queue_url(QueueName="tour.fifo")["QueueUrl"] == url
    # botocore compares the checksums of body and message by itself.
    sqs.send_message(QueueUrl=url, MessageBody="hello", MessageGroupId="tour")
    (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "tour"
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=30)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["FifoQueue"] == "true"
    sqs.purge_queue(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)


def test_sqs_redrive(client):
    sqs = client("sqs")
    dead = sqs.create_queue(QueueName="tour-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}), "VisibilityTimeout": "0"}
    url = sqs.create_queue(QueueName="tour", Attributes=policy)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    sqs.receive_message(QueueUrl=url)

    def waiting():
        sqs.receive_message(QueueUrl=url)
        return sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])["Attributes"]["ApproximateNumberOfMessages"] == "1"

    until(waiting)
    assert sqs.start_message_move_task(SourceArn=arn)["TaskHandle"]
    until(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))


def test_sns(client):
    sns = client("sns")
    arn = sns.create_topic(Name="tour")["TopicArn"]
    assert arn in [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="ops@acme.example")
    assert len(sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]) == 1
    assert sns.publish(TopicArn=arn, Subject="hello", Message="hello")["MessageId"]


def test_sts(client):
    assert client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_events(client):
    events = client("events")
    rules = [rule["Name"] for rule in events.list_rules()["Rules"]]
    assert rules
    assert events.describe_rule(Name=rules[0])["State"] == "ENABLED"
    answer = events.put_events(Entries=[{"Source": "tour", "DetailType": "Tour", "Detail": json.dumps({"a": 1})}])
    assert answer["FailedEntryCount"] == 0
    event = {"id": "1", "detail-type": "Tour", "source": "tour", "account": ACCOUNT, "time": "2026-11-20T09:14:07Z",
             "region": "eu-west-1", "resources": [], "detail": {}}
    assert events.test_event_pattern(EventPattern='{"source":["tour"]}', Event=json.dumps(event))["Result"] is True


def test_logs(client):
    logs = client("logs")
    streams = logs.describe_log_streams(logGroupName="/shop/backend", orderBy="LastEventTime", descending=True)["logStreams"]
    named = {"logGroupName": "/shop/backend", "logStreamName": streams[0]["logStreamName"]}
    newest = logs.get_log_events(**named, limit=1)
    assert [event["message"] for event in newest["events"]] == ["connected to the database"]
    older = logs.get_log_events(**named, limit=1, nextToken=newest["nextBackwardToken"])
    assert [event["message"] for event in older["events"]] == ["listening on :8080"]


def test_scheduler(client):
    scheduler = client("scheduler")
    group = scheduler.list_schedules()["Schedules"][0]["GroupName"]
    target = {
        "Arn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:steward-DeployQueue.fifo",
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/steward-SweepScheduleRole",
        "Input": "{}",
        "SqsParameters": {"MessageGroupId": "deploy"},
    }
    schedule = {"Name": "tour", "GroupName": group, "Target": target, "FlexibleTimeWindow": {"Mode": "OFF"}}
    created = scheduler.create_schedule(**schedule, ScheduleExpression="at(2099-01-01T00:00:00)", ActionAfterCompletion="DELETE")
    described = scheduler.get_schedule(Name="tour", GroupName=group)
    assert (described["Arn"], described["Target"]) == (created["ScheduleArn"], target)
    assert "tour" in [one["Name"] for one in scheduler.list_schedules(GroupName=group, NamePrefix="to")["Schedules"]]
    with pytest.raises(ClientError) as refused:
        scheduler.create_schedule(**schedule, ScheduleExpression="at(2099-01-01T00:00:00)")
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    scheduler.delete_schedule(Name="tour", GroupName=group)


def test_rds(client):
    rds, far = client("rds"), client("rds", "eu-central-1")
    assert "shop" in [it["DBInstanceIdentifier"] for it in rds.describe_db_instances()["DBInstances"]]
    until(lambda: "LatestRestorableTime" in rds.describe_db_instances(DBInstanceIdentifier="shop")["DBInstances"][0])
    (cluster,) = rds.describe_db_clusters(DBClusterIdentifier="crm")["DBClusters"]
    assert cluster["LatestRestorableTime"].minute % 5 == 0
    assert [member["IsClusterWriter"] for member in cluster["DBClusterMembers"]] == [True, False]
    tags = [{"Key": "team", "Value": "tour"}]
    for kind, database, name in [("db_snapshot", "DBInstanceIdentifier", "DBSnapshot"), ("db_cluster_snapshot", "DBClusterIdentifier", "DBClusterSnapshot")]:
        of = {"DBInstanceIdentifier": "shop", "DBClusterIdentifier": "crm"}[database]
        named = {f"{name}Identifier": "tour"}
        begun = getattr(rds, f"create_{kind}")(**named, **{database: of}, Tags=tags)[name]
        assert (begun["Status"], begun["TagList"]) == ("creating", tags)

        def status(region=rds):
            (snapshot,) = getattr(region, f"describe_{kind}s")(**named, MaxRecords=20)[f"{name}s"]
            return snapshot["Status"]

        until(lambda: status() == "available")
        shared = getattr(rds, f"modify_{kind}_attribute")(**named, AttributeName="restore", ValuesToAdd=["210987654321"])[f"{name}AttributesResult"]
        assert shared == getattr(rds, f"describe_{kind}_attributes")(**named)[f"{name}AttributesResult"]
        arn = begun[f"{name}Arn"]
        copy = {f"Source{name}Identifier": arn, f"Target{name}Identifier": "tour", "Tags": tags}
        assert getattr(far, f"copy_{kind}")(**copy)[name]["TagList"] == tags
        until(lambda: status(far) == "available")
        rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "steward:hold", "Value": "tour"}])
        rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["steward:hold"])
        assert rds.list_tags_for_resource(ResourceName=arn)["TagList"] == tags
        getattr(rds, f"delete_{kind}")(**named)
    quotas = {it["AccountQuotaName"]: it["Used"] for it in far.describe_account_attributes()["AccountQuotas"]}
    assert (quotas["ManualSnapshots"], quotas["ManualClusterSnapshots"]) == (1, 1)


def test_kms(client):
    key = client("kms").describe_key(KeyId="alias/aws/rds")["KeyMetadata"]
    assert (key["KeyManager"], key["KeyState"]) == ("AWS", "Enabled")
