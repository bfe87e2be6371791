"""Least privilege: what a role may do is named, bounded, and no more."""

import re

import botocore.session
import pytest
from botocore import xform_name

from stack import ROOT, as_list, expand, load, of_type, statements

ROLES = of_type(expand(), "AWS::IAM::Role")

# IAM knows no narrower resource for these.
WITHOUT_RESOURCE = {
    "tag:GetResources",
    "ecs:DescribeTaskDefinition",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
}


@pytest.mark.parametrize("role", ROLES)
def test_every_statement_has_a_name_and_names_its_actions(role):
    names = []
    for _, _, statement in statements(ROLES[role]):
        names.append(statement["Sid"])
        for action in as_list(statement["Action"]):
            assert "*" not in action, action
    assert names and len(names) == len(set(names))


@pytest.mark.parametrize("role", ROLES)
def test_everything_is_asked_only_where_iam_knows_no_less(role):
    for _, _, statement in statements(ROLES[role]):
        actions = set(as_list(statement["Action"]))
        if as_list(statement["Resource"]) == ["*"]:
            assert actions <= WITHOUT_RESOURCE, statement["Sid"]
        else:
            assert not actions & WITHOUT_RESOURCE, statement["Sid"]


@pytest.mark.parametrize("role", ROLES)
def test_roles_are_passed_only_when_they_are_named(role):
    for condition, _, statement in statements(ROLES[role]):
        if "iam:PassRole" in as_list(statement["Action"]):
            assert condition == "HasPassRoleArns"
            assert statement["Resource"] == {"Ref": "PassRoleArns"}
            assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}


def test_no_role_is_passed_by_default():
    template = load()
    assert template["Parameters"]["PassRoleArns"]["Default"] == ""
    assert template["Conditions"]["HasPassRoleArns"] == {
        "Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "PassRoleArns"}]}, ""]}]
    }


@pytest.mark.parametrize("role", ROLES)
def test_only_deploy_writes_services_and_only_where_they_are_opted_in(role):
    for _, _, statement in statements(ROLES[role]):
        if "ecs:UpdateService" in as_list(statement["Action"]):
            assert role == "DeployRole"
            assert statement["Condition"] == {"Null": {"aws:ResourceTag/steward:deploy": "false"}}


@pytest.mark.parametrize("role", ROLES)
def test_tags_are_written_only_on_what_the_same_call_creates(role):
    for _, _, statement in statements(ROLES[role]):
        if "ecs:TagResource" in as_list(statement["Action"]):
            assert "ecs:CreateAction" in statement["Condition"]["StringEquals"]


@pytest.mark.parametrize("role", ROLES)
def test_the_table_is_open_only_for_the_keys_of_the_function(role):
    for _, _, statement in statements(ROLES[role]):
        if any(action.startswith("dynamodb:") for action in as_list(statement["Action"])):
            keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            assert keys and all(key.endswith("#*") for key in keys)


@pytest.mark.parametrize("role", ROLES)
def test_the_permissions_boundary_reaches_every_role(role):
    boundary = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    assert ROLES[role]["Properties"]["PermissionsBoundary"] == boundary


def test_no_function_has_a_role_made_by_the_translator():
    """Such a role carries AWSLambdaBasicExecutionRole, which may create and write any log group."""
    assert set(ROLES) == set(of_type(load(), "AWS::IAM::Role"))
    assert not any("ManagedPolicyArns" in role["Properties"] for role in ROLES.values())


# What no line of the code calls: Lambda itself does, or IAM asks for it beside another action.
NOT_CALLED = {
    "ecs:TagResource",
    "iam:PassRole",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
PREFIXES = {"dynamodb": "dynamodb", "ecr": "ecr", "ecs": "ecs", "resourcegroupstaggingapi": "tag", "sns": "sns", "sqs": "sqs"}


def called(*folders):
    """IAM actions of all SDK calls in the code under `folders`, tests left out. Operations come from botocore's models."""
    code = ""
    for folder in folders:
        for path in (ROOT / folder).rglob("*.rs"):
            if path.stem != "tests":
                code += path.read_text().split("#[cfg(test)]")[0]
    session = botocore.session.get_session()
    return {
        f"{prefix}:{operation}"
        for service, prefix in PREFIXES.items()
        for operation in session.get_service_model(service).operation_names
        if re.search(rf"\.{xform_name(operation)}\(\)", code)
    }


@pytest.mark.parametrize("role", [role for role in ROLES if role != "SweepScheduleRole"])
def test_a_function_may_make_exactly_the_calls_that_its_code_makes(role):
    allowed = {action for _, _, statement in statements(ROLES[role]) for action in as_list(statement["Action"])}
    assert allowed - NOT_CALLED == called(f"functions/{role.removesuffix('Role').lower()}/src", "shared/src")
