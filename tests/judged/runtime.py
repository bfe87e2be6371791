"""The least of the Lambda Runtime API: one process, one invocation after the other."""

import json
import os
import queue
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:snapshot"
PATIENCE = 60  # seconds, for a debug build on a busy machine


class Runtime:
    """Runs a function's binary and invokes it."""

    def __init__(self, binary, environment):
        self.work, self.answers, self.invoked = queue.Queue(), queue.Queue(), 0
        runtime = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                number, event = runtime.work.get()
                body = json.dumps(event).encode()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", str(number))
                self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + PATIENCE) * 1000)))
                self.send_header("Lambda-Runtime-Invoked-Function-Arn", ARN)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                runtime.answers.put((self.path.rsplit("/", 1)[-1], body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{self.server.server_port}"
        environment = environment | {"AWS_LAMBDA_RUNTIME_API": address, "PATH": os.environ["PATH"]}
        self.process = subprocess.Popen([binary], env=environment, stdout=subprocess.DEVNULL)

    def invoke(self, event):
        """What the function returns; an error that it reports fails the test."""
        kind, body = self._answer(event)
        assert kind == "response", body.decode()
        return json.loads(body)

    def fails(self, event):
        """The error that the function reports, upon which its queue would deliver the message again."""
        kind, body = self._answer(event)
        assert kind == "error", body.decode()
        return json.loads(body)["errorMessage"]

    def _answer(self, event):
        self.invoked += 1
        self.work.put((self.invoked, event))
        try:
            return self.answers.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no answer; the process has ended with {self.process.poll()}") from None

    def stop(self):
        self.process.kill()
        self.process.wait(timeout=10)
        self.server.shutdown()
