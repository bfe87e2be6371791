"""Compares a raw answer with the output shape that botocore's service model declares for the operation."""

import json

NUMBERS = {"integer", "long", "float", "double", "timestamp"}


def problems(shape, value, path=""):
    """Everything in `value` that a real service could not have sent: unknown members, wrong types, words outside an enum."""
    if value is None:
        return [f"{path}: null, where AWS leaves the member out"]
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no structure"]
        found = [f"{path}.{name}: is required" for name in shape.required_members if name not in value]
        members = {member.serialization.get("name", name): member for name, member in shape.members.items()}
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


# Every operation may answer with these, declared or not.
GENERAL = {"ValidationException", "ThrottlingException", "AccessDeniedException", "InvalidParameterValue"}


def codes(model):
    """The error codes that the operation declares: a query service's code may differ from the shape's name."""
    return {shape.name for shape in model.error_shapes} | {
        shape.metadata["error"]["code"] for shape in model.error_shapes if "code" in shape.metadata.get("error", {})
    }


class Judge:
    """Watches every answer that a client gets, and remembers what was asked and what was wrong."""

    def __init__(self):
        self.asked = set()
        self.wrong = []
        self._operation = None

    def watch(self, client):
        """The same client, watched. A client asks one thing at a time, so that an answer is that of the latest call."""
        client.meta.events.register("before-call", self._called)
        client.meta.events.register("response-received", self._received)
        return client

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
            if code not in codes(model) | GENERAL:
                self.wrong.append(f"{name}: {code} is none of {sorted(codes(model))}")
        elif model.service_model.protocol == "json" and model.output_shape is not None:
            body = json.loads(response_dict["body"] or b"{}")
            self.wrong += [f"{name}{found}" for found in problems(model.output_shape, body)]
