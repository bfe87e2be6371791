"""Compares a raw answer with the output shape that botocore's service model declares for the operation."""

import json
import re
from datetime import datetime
from xml.etree import ElementTree

NUMBERS = {"integer", "long", "float", "double", "timestamp"}


def problems(shape, value, path=""):
    """Everything in `value` that a real service could not have sent: unknown members, wrong types, words outside an enum."""
    if value is None:
        return [f"{path}: null, where AWS leaves the member out"]
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no structure"]
        members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        required = {shape.members[name].serialization.get("name", name) for name in shape.required_members}
        found = [f"{path}.{name}: is required" for name in sorted(required - set(value))]
        for name, inner in value.items():
            found += problems(members[name], inner, f"{path}.{name}") if name in members else [f"{path}.{name}: is unknown"]
        return found
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [found for at, inner in enumerate(value) for found in problems(shape.member, inner, f"{path}[{at}]")]
    if kind == "map":
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no map"]
        return [found for key, inner in value.items() for found in problems(shape.value, inner, f"{path}.{key}")]
    if kind == "boolean":
        return [] if isinstance(value, bool) else [f"{path}: {value!r} is no boolean"]
    if kind in NUMBERS:
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        return [] if good else [f"{path}: {value!r} is no {kind}"]
    if not isinstance(value, str):
        return [f"{path}: {value!r} is no {kind}"]
    words = getattr(shape, "enum", None)
    return [f"{path}: {value!r} is none of {words}"] if words and value not in words else []


def from_xml(shape, element):
    """An element as JSON would say it. What cannot be read so stays as it is, and is a problem then."""
    kind, text = shape.type_name, element.text or ""
    if kind == "structure":
        members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        value = {}
        for child in element:
            name = child.tag.rsplit("}", 1)[-1]
            if name in value:
                return f"{name} twice"
            value[name] = from_xml(members[name], child) if name in members else None
        return value
    if kind == "list":
        expected = shape.member.serialization.get("name", "member")
        if any(child.tag.rsplit("}", 1)[-1] != expected for child in element):
            return f"items that are not called {expected}"
        return [from_xml(shape.member, child) for child in element]
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "timestamp":
        return datetime.fromisoformat(text).timestamp() if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", text) else text
    if kind in NUMBERS:
        return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text
    return text


def answer_problems(model, body):
    """Everything that is wrong with the body of a good answer, in the protocol of the service."""
    shape = model.output_shape
    if model.service_model.protocol != "query":
        return problems(shape, json.loads(body or b"{}")) if shape is not None else []
    root = ElementTree.fromstring(body)
    namespace = model.service_model.metadata["xmlNamespace"]
    found = [] if root.tag == f"{{{namespace}}}{model.name}Response" else [f": the root is {root.tag}"]
    if shape is None:
        return found
    wrapper = root.find(f"{{{namespace}}}{shape.serialization.get('resultWrapper', model.name + 'Result')}")
    return found + ([": no result"] if wrapper is None else problems(shape, from_xml(shape, wrapper)))


# What a service says without declaring it for an operation: https://docs.aws.amazon.com, "Common errors" of each service.
GENERAL = {
    "dynamodb": {"ValidationException"},
    "events": {"ValidationException"},
    "rds": {"InvalidParameterValue", "InvalidParameterCombination", "MissingParameter"},
    "sqs": {"InvalidParameterValue", "MissingParameter"},
    "scheduler": {"ValidationException"},
}
EVERYWHERE = {"AccessDeniedException", "AccessDenied", "InternalFailure", "SerializationException", "ThrottlingException", "Throttling"}


def codes(model):
    """The error codes that the operation declares: a query service's code may differ from the shape's name."""
    return {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes} | {
        shape.name for shape in model.error_shapes if model.service_model.protocol != "query"
    }


class Judge:
    """Watches every answer that a client gets, and remembers what was asked and what was wrong."""

    def __init__(self):
        self.asked, self.refused = set(), set()
        self.wrong = []
        self._operation = None

    def watch(self, events):
        """Watches a client or a whole session, by its events. They ask one thing at a time: an answer is that of the latest call."""
        events.register("before-call", self._called)
        events.register("response-received", self._received)

    def _called(self, model, **_):
        self._operation = model

    def _received(self, response_dict, parsed_response, **_):
        model = self._operation
        name = f"{model.service_model.service_name}:{model.name}"
        self.asked.add(name)
        if response_dict is None:
            self.wrong.append(f"{name}: no answer")
        elif response_dict["status_code"] >= 400:
            # Services that came from the Query protocol keep the code that they had there; the model's is beside it.
            error = parsed_response["Error"]
            code = error.get("QueryErrorCode", error["Code"])
            self.refused.add((model.service_model.service_name, code))
            if code not in codes(model) | GENERAL.get(model.service_model.service_name, set()) | EVERYWHERE:
                self.wrong.append(f"{name}: {code} is none of {sorted(codes(model))}")
        else:
            self.wrong += [f"{name}{found}" for found in answer_problems(model, response_dict["body"])]
