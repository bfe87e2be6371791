"""Stands between a function and moto, and writes down each call: what was asked for, and with which code it was refused."""

import http.client
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import botocore.session

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
from shapes import answer_problems

# IAM's name of a service where the one that requests are signed for is another.
PREFIXES = {"tagging": "tag"}
# All that is REST here.
SCHEDULES = {"POST": "CreateSchedule", "GET": "GetSchedule", "DELETE": "DeleteSchedule", "PUT": "UpdateSchedule"}


class Recorder:
    """A proxy on loopback. `stand_ins` answer what moto lacks: by action, a function from input to output (JSON). While an
    action is in `out_of_order` it answers with 503, and moto hears nothing of it."""

    def __init__(self, target, stand_ins=None):
        self.calls, self.stand_ins, self.out_of_order = [], stand_ins or {}, set()
        self.stood_in = set()
        # What was put on the bus: moto takes it, and delivers nothing to whom it may concern.
        self.told = []
        address, recorder = urlsplit(target).netloc, self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                action = called(self, body)
                answer = recorder.stand_in(action, body)
                if action in recorder.out_of_order:
                    status, headers, answer = 503, [], b""
                elif answer is None:
                    upstream = http.client.HTTPConnection(address, timeout=60)
                    # As the function wrote it: moto reads region and service from the signature.
                    upstream.request(self.command, self.path, body, dict(self.headers))
                    got = upstream.getresponse()
                    status, headers, answer = got.status, got.getheaders(), got.read()
                    upstream.close()
                    recorder.calls.append((action, None if status < 400 else code(got, answer)))
                    if action == "events:PutEvents" and status < 400:
                        entries = json.loads(body)["Entries"]
                        recorder.told += [(entry["DetailType"], json.loads(entry["Detail"])) for entry in entries]
                else:
                    status, headers = 200, [("Content-Type", "application/x-amz-json-1.1")]
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("connection", "content-length", "date", "server", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def stand_in(self, action, body):
        """What stands in for moto, or None. It is held to AWS's own model: an answer that AWS could not give proves nothing."""
        answer = self.stand_ins.get(action)
        if answer is None:
            return None
        service, operation = action.split(":")
        model = botocore.session.get_session().get_service_model(service).operation_model(operation)
        # Of the Query protocol the text that goes over the wire, as nothing here writes XML.
        answer = answer(body) if model.service_model.protocol == "query" else json.dumps(answer(json.loads(body)))
        assert not answer_problems(model, answer.encode()), answer_problems(model, answer.encode())
        self.stood_in.add(action)
        return answer.encode()

    def answered(self):
        """Actions that moto itself answered well."""
        return {action for action, refused in self.calls if refused is None}

    def refused(self):
        """Actions that moto refused, with the codes."""
        return {call for call in self.calls if call[1] is not None}

    def stop(self):
        self.server.shutdown()


def called(request, body):
    """The call as IAM writes it: `ecs:UpdateService`."""
    signed_for = request.headers["Authorization"].split("Credential=")[1].split("/")[3]
    target = request.headers.get("X-Amz-Target")
    if target:
        operation = target.rsplit(".", 1)[-1]
    elif signed_for == "scheduler":
        operation = SCHEDULES[request.command]
    else:
        operation = parse_qs(body.decode())["Action"][0]
    return f"{PREFIXES.get(signed_for, signed_for)}:{operation}"


def code(response, body):
    """The error code of an answer, or its HTTP status."""
    text = body.decode(errors="replace")
    if "<Code>" in text:
        return text.split("<Code>")[1].split("</Code>")[0]
    try:
        return json.loads(text)["__type"].rsplit("#", 1)[-1]
    except (ValueError, KeyError, TypeError):
        return response.headers.get("x-amzn-ErrorType") or str(response.status)
