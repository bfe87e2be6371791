"""With a key of the account's own, all who write still may; without, nothing of KMS is left behind."""

import json
import re

import pytest

from resolved import VARIANTS, resolve
from stack import ROOT, arn_of, as_list, attached, load, of_type, statements

OWN_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PLAIN = resolve(VARIANTS["default"])
MADE = resolve(VARIANTS["hardened"])
GIVEN = resolve(VARIANTS["hardened"] | {"KmsKey": OWN_KEY})
# Each stack with a key, and how its resources point at it.
KEYED = {"create": (MADE, arn_of("Key")), "arn": (GIVEN, {"Ref": "KmsKey"})}

# Where a resource names its key.
KEY_OF = {
    "AWS::DynamoDB::Table": lambda it: it["SSESpecification"].get("KMSMasterKeyId"),
    "AWS::Logs::LogGroup": lambda it: it.get("KmsKeyId"),
    "AWS::SNS::Topic": lambda it: it.get("KmsMasterKeyId"),
    "AWS::SQS::Queue": lambda it: it.get("KmsMasterKeyId"),
}
STORES = [(kind, name) for kind in KEY_OF for name in of_type(PLAIN, kind)]


@pytest.mark.parametrize(("kind", "name"), STORES)
def test_whatever_keeps_data_takes_the_key_and_is_encrypted_without_it(kind, name):
    for template, key in KEYED.values():
        assert KEY_OF[kind](template["Resources"][name]["Properties"]) == key
    plain = PLAIN["Resources"][name]["Properties"]
    assert KEY_OF[kind](plain) is None
    if kind == "AWS::SQS::Queue":
        assert plain["SqsManagedSseEnabled"] is True
        # SQS refuses both. A data key is used for an hour: at five minutes, polling alone would cost a call each time.
        for template, _ in KEYED.values():
            properties = template["Resources"][name]["Properties"]
            assert "SqsManagedSseEnabled" not in properties and properties["KmsDataKeyReusePeriodSeconds"] == 3600


def test_no_resource_uses_a_key_of_aws_whose_policy_lets_no_alarm_and_no_rule_in():
    for template in (PLAIN, MADE, GIVEN):
        for name, resource in template["Resources"].items():
            if resource["Type"] in KEY_OF:
                assert "alias/aws" not in json.dumps(resource["Properties"]), name


def test_only_where_it_is_asked_for_the_stack_makes_a_key_which_rotates_and_outlives_the_table():
    assert not of_type(PLAIN, "AWS::KMS::Key") and not of_type(GIVEN, "AWS::KMS::Key")
    ((name, key),) = of_type(MADE, "AWS::KMS::Key").items()
    assert key["Properties"]["EnableKeyRotation"] is True
    (table,) = of_type(MADE, "AWS::DynamoDB::Table").values()
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        assert key[policy] == table[policy] == "Retain"
    assert MADE["Outputs"]["KeyArn"]["Value"] == arn_of(name) and "KeyArn" not in PLAIN["Outputs"]


# ---- Services --------------------------------------------------------------------------------------------------------


def writers(template):
    """(service, what it writes to) of whatever writes in its own name, as the expanded template has it."""
    for rule in of_type(template, "AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            for arn in (target["Arn"], target["DeadLetterConfig"]["Arn"]):
                assert "RoleArn" not in target
                yield "events.amazonaws.com", arn["Fn::GetAtt"][0]
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        for action in alarm["Properties"]["AlarmActions"] + alarm["Properties"]["OKActions"]:
            yield "cloudwatch.amazonaws.com", action["Ref"]
    for subscription in of_type(template, "AWS::SNS::Subscription").values():
        yield "sns.amazonaws.com", subscription["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    for group in of_type(template, "AWS::Logs::LogGroup"):
        yield "logs.${AWS::Region}.${AWS::URLSuffix}", group


WRITERS = sorted(set(writers(MADE)))


def by_service(template):
    """Statements of the key's policy for a service."""
    (key,) = of_type(template, "AWS::KMS::Key").values()
    found = {}
    for statement in key["Properties"]["KeyPolicy"]["Statement"]:
        service = statement["Principal"].get("Service")
        if service:
            found.setdefault(service["Fn::Sub"] if isinstance(service, dict) else service, []).append(statement)
    return found


@pytest.mark.parametrize(("service", "store"), WRITERS)
def test_the_key_lets_in_whatever_writes_to(service, store):
    (statement,) = by_service(MADE)[service]
    assert statement["Effect"] == "Allow" and statement["Resource"] == "*"
    assert {"kms:Decrypt", "kms:GenerateDataKey"} <= {action.rstrip("*") for action in statement["Action"]}
    resource = MADE["Resources"][store]
    assert KEY_OF[resource["Type"]](resource["Properties"]) == arn_of("Key")


def test_the_key_lets_no_other_service_in_and_nobody_of_another_account():
    assert set(by_service(MADE)) == {service for service, _ in WRITERS}
    (key,) = of_type(MADE, "AWS::KMS::Key").values()
    others = [it for it in key["Properties"]["KeyPolicy"]["Statement"] if "Service" not in it["Principal"]]
    assert [it["Principal"] for it in others] == [{"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}]


# What a service tells KMS of the one on whose behalf it calls. EventBridge tells nothing: with a condition, it would be refused.
CONDITIONS = {
    "cloudwatch.amazonaws.com": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    "events.amazonaws.com": None,
    "logs.${AWS::Region}.${AWS::URLSuffix}": {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": {
                "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/steward/${AWS::StackName}/*"
            }
        }
    },
    "sns.amazonaws.com": None,
}


@pytest.mark.parametrize("service", CONDITIONS)
def test_a_service_is_bound_by_what_it_tells_kms_and_by_nothing_else(service):
    (statement,) = by_service(MADE)[service]
    assert statement.get("Condition") == CONDITIONS[service]


def test_the_log_groups_are_those_that_the_key_is_for():
    for name, group in of_type(MADE, "AWS::Logs::LogGroup").items():
        assert group["Properties"]["LogGroupName"]["Fn::Sub"].startswith("/steward/${AWS::StackName}/"), name


# ---- Roles -----------------------------------------------------------------------------------------------------------

ROLES = of_type(load(), "AWS::IAM::Role")
WRITES = {"kms:Decrypt", "kms:GenerateDataKey"}
# By what a role does with a resource, by way of which service and for what it needs the key.
NEEDS = {
    "sqs:SendMessage": ("sqs", WRITES),
    "sqs:ReceiveMessage": ("sqs", {"kms:Decrypt"}),
    "sns:Publish": ("sns", WRITES),
    "dynamodb:GetItem": ("dynamodb", {"kms:Decrypt"}),
    "dynamodb:PutItem": ("dynamodb", WRITES | {"kms:Encrypt"}),
}


def by_way_of(template, role, key):
    """What a role may do with the stack's key, by service. Nothing without a service in between."""
    found = {}
    for _, _, statement in attached(template, role):
        assert (statement["Effect"], statement["Resource"]) == ("Allow", key)
        service = statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"]
        found[service.removesuffix(".${AWS::Region}.${AWS::URLSuffix}")] = set(statement["Action"])
    return found


@pytest.mark.parametrize("given", KEYED)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_use_the_key_for_what_it_does_and_only_there(role, given):
    template, key = KEYED[given]
    may = by_way_of(template, role, key)
    does = {action for _, _, it in statements(template["Resources"][role]) for action in as_list(it["Action"])}
    needed = [NEEDS[action] for action in does & set(NEEDS)]
    assert {service for service, _ in needed} == set(may)
    for service, actions in needed:
        assert actions <= may[service]


@pytest.mark.parametrize("role", ROLES)
def test_without_a_key_nothing_of_it_is_in_a_role(role):
    assert list(attached(PLAIN, role)) == []
    used = [it["Sid"] for _, _, it in statements(PLAIN["Resources"][role]) if "kms:" in json.dumps(it["Action"])]
    # Of snapshots of databases, which have keys of their own.
    assert used == (["ReadKeyOfRds"] if role == "SnapshotRole" else [])


def test_without_a_key_no_policy_and_no_condition_of_it_is_left():
    assert not of_type(PLAIN, "AWS::IAM::Policy")
    assert '"KmsKey"' not in json.dumps(PLAIN["Resources"])


def test_the_page_asks_for_exactly_the_statements_that_a_key_of_the_stack_has():
    page = (ROOT / "docs/encryption.md").read_text()
    asked = json.loads(page.split("```json\n")[1].split("```")[0])
    (key,) = of_type(MADE, "AWS::KMS::Key").values()
    written = [it for it in key["Properties"]["KeyPolicy"]["Statement"] if "Service" in it["Principal"]]
    text = json.dumps(written).replace('{"Ref": "AWS::AccountId"}', '"123456789012"')
    text = re.sub(r'\{"Fn::Sub": ("[^"]*")\}', r"\1", text)
    for name, value in {
        "AWS::AccountId": "123456789012",
        "AWS::Partition": "aws",
        "AWS::Region": "eu-west-1",
        "AWS::StackName": "steward",
        "AWS::URLSuffix": "amazonaws.com",
    }.items():
        text = text.replace(f"${{{name}}}", value)
    assert json.loads(text) == asked
