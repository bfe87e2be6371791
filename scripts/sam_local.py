"""Runs each sample of events/ through the built functions in Lambda's container, and compares what they decide with
scripts/sam-local.expected.json. Their AWS is the lab: two services, three databases, nothing that the samples are about.

Each function whose rules or schedules bring it a sample gets it by `sam local invoke`, as the body of a queue's message, with a
lab of its own. Then every function gets every other file of events/, near misses too, raw and by `sam local start-lambda`: what no
rule would bring it, it must say that it ignores.

`--write` writes what came into the file instead: for its diff to be read.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import local

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / ".aws-sam/build"
EXPECTED = ROOT / "scripts/sam-local.expected.json"
VARIABLES = ROOT / "scripts/sam-local.env.json"
# Seconds for one answer: a function's own timeout, and SAM's start on a busy machine.
PATIENCE = 240
# Timeout of the functions here, in seconds. They start no call with less than 20 left.
TIMEOUT = 45
# Now and then a container that has just started gives SAM no answer, or SAM leaves out lines of its log: it attaches to it late,
# and waits no longer than a second for it after the answer. Then all is done again, with a lab that is as new.
TRIES = 4
NO_ANSWER = "No response from invoke container"
# What a function says of an event that is none of its own; a batch is answered with what to deliver again.
NOT_MINE = [["event: ignored"], ["event: unknown"], ["Rejected"], ["a batch, done"]]
FUNCTIONS = ["DeployFunction", "HealFunction", "MigrateFunction", "SnapshotFunction"]
LAB = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/lab"

# Without credentials SAM hands over made-up ones; with them it would ask STS first, and it looks for them everywhere, in the
# metadata of a virtual machine last of all. What a function declares and this shell has set is taken from the shell, unless the
# file of variables says it.
OURS = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
NOBODY = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
# The region of the lab, of its registry in particular.
REGION = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in OURS} | NOBODY | REGION


def free_port(address):
    with socket.socket() as free:
        free.bind((address, 0))
        return free.getsockname()[1]


def wait_for(process, address, port, what):
    until = time.monotonic() + 180
    while time.monotonic() < until:
        assert process.poll() is None, f"{what} ended at once"
        try:
            socket.create_connection((address, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"{what} does not answer")


@contextmanager
def stopped_at_the_end(process):
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def lab(address, port):
    """An account as it is before anything happened. Its time passes as outside."""
    command = [LAB, "--bind", address, "--port", str(port), "--speed", "1"]
    with stopped_at_the_end(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)) as process:
        wait_for(process, address, port, "the lab")
        yield


def template(reach, port):
    """The built template with the lab as its AWS. `--env-vars` overrides only what a function declares, and the endpoint is
    not declared."""
    built = (BUILD / "template.yaml").read_text()
    text, changed = re.subn(r"( *)SSL_CERT_FILE: .*", rf"\g<0>\n\1AWS_ENDPOINT_URL: http://{reach}:{port}", built)
    assert changed == 1, "the built template has one environment to add to"
    # When a container gives no answer, SAM waits for the function's timeout to pass before it ends.
    text, changed = re.subn(r"Timeout: 120\b", f"Timeout: {TIMEOUT}", text)
    assert changed == 1, "the built template has one timeout"
    path = BUILD / f"local-{port}.yaml"
    path.write_text(text)
    return path


def sam(command, path, architecture, *arguments):
    program = [Path(sys.executable).with_name("sam"), "local", command, *arguments, "--template", path, "--skip-pull-image"]
    # Last, as it takes every word that follows for one of its own.
    return [*program, "--env-vars", VARIABLES, "--parameter-overrides", f"Architecture={architecture}"]


def batch(event, function):
    """The event as the function's queue hands it over."""
    if "Records" in event:
        return event
    group = function.removesuffix("Function").lower()
    return {
        "Records": [
            {
                "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "receiptHandle": "handle",
                "body": json.dumps(event),
                "attributes": {"MessageGroupId": group, "ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{group}.fifo",
                "awsRegion": "eu-west-1",
            }
        ]
    }


def short(record):
    """What is compared: on what was decided, and how. The reasons are the functions' own tests' affair."""
    return f"{record['subject']}: {record['decision']}"


def lines(text):
    """The log lines of a function among those of SAM and of the emulator."""
    for line in text.splitlines():
        try:
            line = json.loads(line[line.index("{") :])
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line


def invoked(function, event, path, options, port):
    """What `sam local invoke` of a batch came to, if there was an answer. Its exit code is 0 even if the function fails."""
    with lab(options.bind, port), tempfile.TemporaryDirectory() as folder:
        message = Path(folder) / f"{path.stem}.json"
        message.write_text(json.dumps(batch(event, function)))
        command = sam("invoke", path, options.architecture, function, "--event", message)
        try:
            done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired as late:
            return [f"no answer in {PATIENCE} s: {late.stdout} {late.stderr}"]
    if NO_ANSWER in done.stderr:
        return None
    said = list(lines(done.stderr))
    decisions = [short(line) for line in said if "decision" in line and "subject" in line]
    aside = ["to the dead-letter queue" for line in said if "dead-letter queue" in str(line.get("message"))]
    answer = done.stdout.strip().splitlines()[-1:]
    is_done = re.sub(r"\s", "", "".join(answer)) == '{"batchItemFailures":[]}'
    return decisions + aside if is_done else [f"answered {answer}: {done.stderr[-1500:]}"]


def is_cut(came, wanted):
    """Whether all or lines of it are missing and all else is as it should be: then it may be the log. What is wrong is wrong at once."""
    rest = iter(wanted)
    return came is None or came != wanted and all(decision in rest for decision in came)


def answered(port, function, event):
    """What a function answers to a raw event."""
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/{function}/invocations"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(event).encode()), timeout=60) as response:
        answer = json.load(response)
    if "errorType" in answer:
        return [answer["errorType"]]
    if answer == {"batchItemFailures": []}:
        return ["a batch, done"]
    return [short(record) for record in answer["decisions"]]


def invoke_all(receivers, options):
    """`sam local invoke` of everybody who gets a sample. As many at a time as there are processors: SAM's start is most of it."""
    mine = local()

    def one(pair):
        sample, function = pair
        if not hasattr(mine, "port"):
            mine.port = free_port(options.bind)
            mine.template = template(options.reach, mine.port)
        event = json.loads((ROOT / "events" / sample).read_text())
        for _ in range(TRIES):
            came = invoked(function, event, mine.template, options, mine.port)
            if not is_cut(came, receivers[sample][function]):
                break
        return sample, function, came

    pairs = [(sample, function) for sample, functions in receivers.items() for function in functions]
    # The first builds the image of the emulator, for all.
    first = one(pairs[0])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [first, *pool.map(one, pairs[1:])]


def answer_all(samples, receivers, options):
    """Every function with every file that nobody would send it, one after the other: containers stay warm."""
    port, endpoint = free_port("127.0.0.1"), free_port(options.bind)
    path = template(options.reach, endpoint)
    arguments = ("--warm-containers", "LAZY", "--host", "127.0.0.1", "--port", str(port))
    with open(BUILD / "start-lambda.log", "w") as log, lab(options.bind, endpoint):
        command = sam("start-lambda", path, options.architecture, *arguments)
        process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=log, stderr=log)
        with stopped_at_the_end(process):
            wait_for(process, "127.0.0.1", port, "sam local start-lambda")
            for function in FUNCTIONS:
                for sample in samples:
                    if function not in receivers.get(sample, ()):
                        yield sample, function, answered(port, function, json.loads((ROOT / "events" / sample).read_text()))


def written(came):
    """What is expected, a line for each sample: so that a diff is read with ease."""
    return "{\n" + ",\n".join(f"  {json.dumps(sample)}: {json.dumps(came[sample])}" for sample in sorted(came)) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--bind", required=True, help="address of this machine for the lab")
    parser.add_argument("--reach", required=True, help="how containers reach it")
    parser.add_argument("--write", action="store_true", help="take what comes for what is expected")
    options = parser.parse_args()
    samples = sorted(str(path.relative_to(ROOT / "events")) for path in (ROOT / "events").rglob("*.json"))
    expected = json.loads(EXPECTED.read_text())
    wrong, begin, came = 0, time.monotonic(), {}
    for sample, function, decisions in invoke_all(expected, options):
        came.setdefault(sample, {})[function] = decisions
        if decisions != expected[sample][function]:
            wrong += 1
            print(f"{function} with {sample}\n  wanted {expected[sample][function]}\n  got    {decisions}")
    print(f"sam-local: {sum(map(len, came.values()))} times `sam local invoke` in {time.monotonic() - begin:.0f} s")
    if options.write:
        EXPECTED.write_text(written(came))
    begin, count = time.monotonic(), 0
    for sample, function, decisions in answer_all(samples, expected, options):
        count += 1
        if decisions not in NOT_MINE:
            wrong += 1
            print(f"{function} with {sample}, which no rule would bring it\n  got {decisions}")
    print(f"sam-local: {count} answers of `sam local start-lambda` in {time.monotonic() - begin:.0f} s; {wrong} not as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
