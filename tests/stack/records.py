"""Writes tests/stack/records.log anew: log lines as the functions' binaries write them, for the tests of the saved queries.

    python tests/stack/records.py FOLDER      the folder with demo, deploy, heal, migrate and snapshot: target/debug

`make records` builds them first. Of lines that differ in their values only, a few are kept. Before each stands whose it is.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LINES = Path(__file__).with_name("records.log")
FUNCTIONS = ("deploy", "heal", "migrate", "snapshot")
OF_A_KIND = 2
SWEEP = {"version": "0", "detail-type": "Sweep", "source": "steward", "account": "123456789012", "resources": [], "detail": {}}


def of_the_demo(binaries, folder):
    """All that the functions log while the demo plays. In place of each binary stands a script that keeps what it says."""
    for name in FUNCTIONS:
        script = folder / name
        # What is kept of snapshots, and why, is written at DEBUG.
        script.write_text(f"#!/bin/bash\nexport AWS_LAMBDA_LOG_LEVEL=DEBUG\nexec {binaries / name} > >(exec tee -a {folder / name}.log)\n")
        script.chmod(0o755)
    subprocess.run([binaries / "demo", folder], check=True, stdout=subprocess.DEVNULL)
    return [f"{name} {line}" for name in FUNCTIONS for line in (folder / f"{name}.log").read_text().splitlines()]


def while_aws_throttles(binary):
    """What a function logs of a sweep in which every call is refused."""
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if done.is_set():
                time.sleep(60)
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            event = {"Records": [{"messageId": "m-1", "body": json.dumps(SWEEP | {"id": "e-1", "time": now, "region": "eu-west-1"}),
                                  "eventSource": "aws:sqs", "attributes": {"ApproximateReceiveCount": "1"}}]}
            self.answer(200, event, {"Lambda-Runtime-Aws-Request-Id": "r-1", "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 30) * 1000)),
                                     "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:f"})

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.startswith("/2018-06-01/runtime"):
                done.set()
                return self.answer(202, {}, {})
            self.answer(400, {"__type": "ThrottlingException", "message": "Rate exceeded"}, {"x-amzn-errortype": "ThrottlingException"})

        def answer(self, status, body, headers):
            text = json.dumps(body).encode()
            self.send_response(status)
            for name, value in (headers | {"Content-Type": "application/json", "Content-Length": str(len(text))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": binary.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_LOG_GROUP_NAME": "g",
        "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        "AWS_ENDPOINT_URL": f"http://{address}",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "STEWARD_ACCOUNT_ID": "123456789012",
        "STEWARD_TABLE": "table",
        "STEWARD_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:topic",
    }
    process = subprocess.Popen([binary], env=environment, stdout=subprocess.PIPE, text=True)
    assert done.wait(60), f"{binary.name} gave no answer"
    time.sleep(0.5)
    process.kill()
    server.shutdown()
    return [f"{binary.name} {line}" for line in process.communicate()[0].splitlines()]


def thinned(lines):
    """A few of each kind."""
    kept, seen = [], {}
    for line in lines:
        log, _, text = line.partition(" ")
        row = json.loads(text)
        if row.get("message") == "decision":
            words = [row[name] for name in ("function", "trigger", "decision", "dry_run")]
            kind = (*words, row.get("verdict"), row.get("alert"), "copied" in row, "deleted" in row, row.get("was"))
        elif "_aws" in row:
            # Any line that has a metric that none before it had.
            new = [name for name in row if (row["Function"], name) not in seen]
            seen.update({(row["Function"], name): 1 for name in row})
            if new:
                kept.append(line)
            continue
        else:
            kind = (log, row.get("message"), row.get("kind"), row.get("verdict"), row["level"])
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= OF_A_KIND:
            kept.append(line)
    return kept


if __name__ == "__main__":
    binaries = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        lines = of_the_demo(binaries, Path(folder))
    for name in FUNCTIONS:
        lines += while_aws_throttles(binaries / name)
    LINES.write_text("\n".join(thinned(lines)) + "\n")
