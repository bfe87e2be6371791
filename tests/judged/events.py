"""Events as the rules of a stack hand them on. Their time is what the functions take for now."""

from datetime import timedelta

ACCOUNT, REGION = "123456789012", "eu-west-1"
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"


def event(at, source, kind, detail, resources=()):
    """An event of this moment (a datetime of UTC)."""
    time = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "version": "0",
        "id": f"{kind}-{time}".lower().replace(" ", "-"),
        "source": source,
        "detail-type": kind,
        "account": ACCOUNT,
        "region": REGION,
        "time": time,
        "resources": list(resources),
        "detail": detail,
    }


def batch(*bodies):
    """Messages of a FIFO queue, as Lambda's event source mapping hands them on."""
    return {
        "Records": [
            {
                "messageId": f"00000000-0000-4000-8000-{number:012}",
                "receiptHandle": f"handle-{number}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1795166047500",
                    "SequenceNumber": str(number),
                    "MessageGroupId": "steward",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "MessageDeduplicationId": f"message-{number}",
                    "ApproximateFirstReceiveTimestamp": "1795166047500",
                },
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:steward.fifo",
                "awsRegion": REGION,
            }
            for number, body in enumerate(bodies)
        ]
    }


def stopped(at, task, group, definition, started_by, container):
    """The event of a task whose container ended with exit code 1."""
    time = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    detail = {
        "clusterArn": f"{ECS}:cluster/prod",
        "taskArn": f"{ECS}:task/prod/{task}",
        "taskDefinitionArn": f"{ECS}:task-definition/{definition}",
        "group": group,
        "startedBy": started_by,
        "lastStatus": "STOPPED",
        "desiredStatus": "STOPPED",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "startedAt": (at - timedelta(seconds=20)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "stoppedAt": time,
        "containers": [{"name": container, "lastStatus": "STOPPED", "exitCode": 1, "image": "x"}],
        "launchType": "FARGATE",
        "version": 6,
    }
    return event(at, "aws.ecs", "ECS Task State Change", detail, [detail["taskArn"]])
