"""The template as one stack gets it: conditions decided, and what they leave out gone."""

from stack import expand

# What CloudFormation drops.
NO_VALUE = {"Ref": "AWS::NoValue"}

# One of each: nothing set, and everything that adds a resource, a statement or a property.
VARIANTS = {
    "default": {},
    "hardened": {
        "AlertEmail": "ops@acme.example",
        "KmsKey": "create",
        "MigrationSchedule": "rate(1 day)",
        "MigrationService": "arn:aws:ecs:eu-west-1:123456789012:service/prod/api",
        "PassRoleArns": "arn:aws:iam::123456789012:role/api-task",
        "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
        "ReservedConcurrency": "2",
        "SnapshotKmsKeyArns": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "SnapshotShareAccounts": "210987654321",
        "Tracing": "Active",
    },
}


def holds(condition, values, conditions=None):
    """Whether a condition of the template holds for these values of its parameters."""

    def side(value):
        if isinstance(value, dict) and "Fn::Join" in value:
            separator, of = value["Fn::Join"]
            return separator.join(str(values[of["Ref"]]).split(","))
        return str(values[value["Ref"]] if isinstance(value, dict) else value)

    ((function, arguments),) = condition.items()
    if function == "Condition":
        return holds(conditions[arguments], values, conditions)
    if function == "Fn::Equals":
        return side(arguments[0]) == side(arguments[1])
    each = [holds(argument, values, conditions) for argument in arguments]
    return {"Fn::Not": lambda: not each[0], "Fn::And": lambda: all(each), "Fn::Or": lambda: any(each)}[function]()


def decide(value, conditions):
    """A value with each Fn::If decided, and without what has no value."""
    if isinstance(value, dict):
        if set(value) == {"Fn::If"}:
            name, yes, no = value["Fn::If"]
            return decide(yes if conditions[name] else no, conditions)
        each = ((key, decide(it, conditions)) for key, it in value.items())
        return {key: it for key, it in each if it != NO_VALUE}
    if isinstance(value, list):
        return [it for it in (decide(it, conditions) for it in value) if it != NO_VALUE]
    return value


def resolve(parameters=None):
    """The expanded template for these parameters. References stay what they are."""
    template = expand(parameters)
    values = {name: it["Default"] for name, it in template["Parameters"].items()} | (parameters or {})
    written = template["Conditions"]
    conditions = {name: holds(it, values, written) for name, it in written.items()}
    for part in ("Resources", "Outputs"):
        kept = {name: it for name, it in template[part].items() if conditions.get(it.pop("Condition", None), True)}
        template[part] = decide(kept, conditions)
    del template["Conditions"]
    return template
