"""What the lab serves, asked of the lab itself: each operation that botocore knows of its services is called once, with nothing
in it. What it does not have it says so; everything else it serves, whatever it answers."""

import http.client
import re
import time
from urllib.parse import urlencode, urlsplit

import botocore.session

SERVICES = (
    *("dynamodb", "ecr", "ecs", "events", "kms", "logs", "rds", "resourcegroupstaggingapi", "scheduler", "sns", "sqs", "sts"),
)
UNKNOWN = "UnknownOperationException"


def request(model):
    """Method, path, headers and body of a call that says nothing but what is called."""
    service = model.service_model
    metadata = service.metadata
    scope = f"lab/20261120/eu-west-1/{service.signing_name}/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"}
    if service.protocol == "query":
        body = urlencode({"Action": model.name, "Version": service.api_version})
        return "POST", "/", headers | {"Content-Type": "application/x-www-form-urlencoded"}, body
    if service.protocol == "rest-json":
        path = re.sub(r"{[^}]+}", "x", model.http["requestUri"])
        return model.http["method"], path, headers, "" if model.http["method"] in ("GET", "DELETE") else "{}"
    content = f"application/x-amz-json-{metadata['jsonVersion']}"
    target = f"{metadata['targetPrefix']}.{model.name}"
    return "POST", "/", headers | {"Content-Type": content, "X-Amz-Target": target}, "{}"


def operations(endpoint):
    """All operations that the lab at `endpoint` serves, as `service:Operation` with botocore's names."""
    connection, session, found = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=20), botocore.session.get_session(), set()
    for service in SERVICES:
        model = session.get_service_model(service)
        for name in model.operation_names:
            while True:
                connection.request(*_in_order(request(model.operation_model(name))))
                answer = connection.getresponse().read().decode()
                if "ThrottlingException" not in answer:
                    break
                time.sleep(0.1)
            if UNKNOWN not in answer:
                found.add(f"{service}:{name}")
    connection.close()
    return found


def _in_order(request):
    method, path, headers, body = request
    return method, path, body, headers
