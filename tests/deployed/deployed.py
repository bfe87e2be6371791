"""The stack that `sam deploy` made in MiniStack, and what the tests ask it for."""

import json
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import boto3

from stack import ROOT

ACCOUNT, REGION = "123456789012", "eu-west-1"
ARCHITECTURE = {"x86_64": "x86_64"}.get(platform.machine(), "arm64")
BUILD = ROOT / ".aws-sam/build"
FUNCTIONS = ["Deploy", "Heal", "Migrate", "Snapshot"]
# Until something has happened that goes from rule to queue to mapping to process. It takes tenths of a second; a machine may be busy.
PATIENCE = 60


def sample(name):
    """A sample of events/, as of now: what is old is left alone by some."""
    event = json.loads((ROOT / f"events/{name}.json").read_text())
    return event | {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def batch(*events):
    """Events as a function's queue hands them over."""
    records = [
        {"messageId": f"message-{number}", "body": json.dumps(event), "eventSource": "aws:sqs", "attributes": {"MessageGroupId": "x"}}
        for number, event in enumerate(events)
    ]
    return {"Records": records}


def without_saved_queries(template):
    """A template without what MiniStack refuses it for."""
    return re.sub(r"^  \w+:\n    Type: AWS::Logs::QueryDefinition\n(?: {4,}.*\n| *\n)*", "", template, flags=re.MULTILINE)


def until(looked, what, patience=PATIENCE):
    """The first thing that `looked` finds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := looked():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not in {patience} s: {what}")


class Stack:
    """One stack of the name steward. Functions go by Deploy, Heal, Migrate, Snapshot."""

    def __init__(self, endpoint):
        # MiniStack takes the access key for the account.
        self.session = boto3.Session(ACCOUNT, "test", region_name=REGION)
        self.endpoint = endpoint
        keys = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
        ours = {name: value for name, value in os.environ.items() if name not in ("AWS_PROFILE", "AWS_SESSION_TOKEN")}
        self.environment = ours | keys | {"AWS_ENDPOINT_URL": endpoint, "SAM_CLI_TELEMETRY": "0"}

    def client(self, service):
        return self.session.client(service, endpoint_url=self.endpoint)

    def sam(self, *arguments):
        program = Path(sys.executable).with_name("sam")
        command = [program, *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def template(self):
        """The built template, with the endpoint and the certificates of a function that runs on this machine."""
        built = (BUILD / "template.yaml").read_text()
        variables = rf"\1SSL_CERT_FILE: /etc/ssl/certs/ca-certificates.crt\n\1AWS_ENDPOINT_URL: {self.endpoint}"
        local, changed = re.subn(r"( *)SSL_CERT_FILE: .*", variables, built)
        assert changed == 1, "the built template has one environment to add to"
        path = BUILD / "deployed.yaml"
        path.write_text(without_saved_queries(local))
        return path

    def deploy(self, *parameters, template=None):
        """`sam deploy` with parameters; those that are not given keep their values."""
        self.sam(
            *("deploy", "--template", template or self.template(), "--config-file", ROOT / "samconfig.toml"),
            *("--no-confirm-changeset", "--no-progressbar", "--parameter-overrides", f"Architecture={ARCHITECTURE}"),
            *parameters,
        )

    @property
    def outputs(self):
        (stack,) = self.client("cloudformation").describe_stacks(StackName="steward")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def invoke(self, function, event, folder):
        """What `sam remote invoke` of a function answers."""
        path = Path(folder) / "event.json"
        path.write_text(json.dumps(event))
        said = self.sam("remote", "invoke", f"{function}Function", "--stack-name", "steward", "--event-file", path)
        answer = json.loads(said.strip().splitlines()[-1])
        assert "errorType" not in answer, answer
        return answer

    def put(self, name, **detail):
        """A sample on the bus, with other detail where given."""
        event = sample(name)
        entry = {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"] | detail)}
        (answer,) = self.client("events").put_events(Entries=[entry])["Entries"]
        return answer

    def environment_of(self, function):
        name = self.outputs[f"{function}Function"]
        return self.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def lines(self, function):
        """What a function and the platform wrote to the log, in order."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=self.outputs[f"{function}LogGroup"])
        return [event["message"] for page in pages for event in page["events"]]

    def runs(self, function):
        """How often a function ran to the end."""
        return sum(line.startswith("REPORT ") for line in self.lines(function))

    def decisions(self, function):
        """The decision records in a function's log."""
        lines = [json.loads(line) for line in self.lines(function) if line.startswith("{")]
        return [line for line in lines if line.get("message") == "decision"]

    def waiting(self, url):
        """Messages in a queue, those under way included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def is_idle(self, function):
        return not self.waiting(self.outputs[f"{function}QueueUrl"])

    def undelivered(self):
        """Messages that somebody gave up on, by queue."""
        outputs = self.outputs
        names = [*(f"{function}DeadLetterQueueUrl" for function in FUNCTIONS), "UndeliveredEventsUrl"]
        return {name: waiting for name in names if (waiting := self.waiting(outputs[name]))}

    def items(self):
        """The state table, by partition and sort key."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.outputs["StateTable"])
        return {(item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]}
