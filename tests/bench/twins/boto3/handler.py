"""The Lambda that teams write: a push of an image rolls the services that carry a tag and run it. It makes the calls that
`deploy` makes for the same push, in the same order."""

import json
import os

import boto3

ecs = boto3.client("ecs")
ecr = boto3.client("ecr")
tagging = boto3.client("resourcegroupstaggingapi")
dynamodb = boto3.client("dynamodb")
TABLE = os.environ["STEWARD_TABLE"]


def handle(event, context):
    for record in event["Records"]:
        message = json.loads(record["body"])
        if message["detail-type"] == "ECR Image Action":
            push(message["detail"])
    return {"batchItemFailures": []}


def push(pushed):
    found = tagging.get_resources(ResourceTypeFilters=["ecs:service"], TagFilters=[{"Key": "steward:deploy"}])
    for arn in [resource["ResourceARN"] for resource in found["ResourceTagMappingList"]]:
        key = {"pk": {"S": arn}, "sk": {"S": "TWIN"}}
        keys = {"Keys": [key], "ConsistentRead": True}
        dynamodb.batch_get_item(RequestItems={TABLE: keys})
        cluster = arn.split("/")[1]
        service = ecs.describe_services(cluster=cluster, services=[arn], include=["TAGS"])["services"][0]
        definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
        images = [container["image"] for container in definition["containerDefinitions"]]
        if not any(image.endswith(f"{pushed['repository-name']}:{pushed['image-tag']}") for image in images):
            continue
        ecr.describe_images(repositoryName=pushed["repository-name"], maxResults=1000)
        revisions = [revision["arn"] for revision in service["currentServiceRevisions"]]
        described = ecs.describe_service_revisions(serviceRevisionArns=revisions)["serviceRevisions"]
        digests = [image["imageDigest"] for revision in described for image in revision["containerImages"]]
        if pushed["image-digest"] in digests:
            continue
        dynamodb.put_item(TableName=TABLE, Item={**key, "data": {"S": pushed["image-digest"]}})
        ecs.update_service(cluster=cluster, service=arn, forceNewDeployment=True)
        dynamodb.put_item(TableName=TABLE, Item={**key, "data": {"S": "rolled"}})

