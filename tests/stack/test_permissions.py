"""Least privilege: what a role may do is named, bounded, and no more."""

import pytest

from stack import as_list, expand, load, of_type, statements

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
