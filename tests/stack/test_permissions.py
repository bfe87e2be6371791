"""Least privilege: what a role may do is named, bounded, and no more."""

import re

import botocore.session
import pytest
from botocore import xform_name

import stack
from stack import ROOT, arn_of, as_list, attached, expand, load, of_type

STACK = expand()
ROLES = of_type(STACK, "AWS::IAM::Role")
NAMES = {id(role): name for name, role in ROLES.items()}
# Those that a function runs as; EventBridge Scheduler assumes the others.
OF_FUNCTIONS = [it["Properties"]["Role"]["Fn::GetAtt"][0] for it in of_type(STACK, "AWS::Lambda::Function").values()]



def statements(role):
    """All that a role of the stack is allowed, in it and beside it."""
    yield from stack.statements(role)
    yield from attached(STACK, NAMES[id(role)])


# IAM knows no narrower resource for these.
WITHOUT_RESOURCE = {
    "tag:GetResources",
    "ecs:DescribeTaskDefinition",
    "ecs:ListTasks",
    "rds:DescribeAccountAttributes",
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


def allowing(role, action):
    """(condition, statement) of each statement that allows the role the action."""
    found = [(condition, it) for condition, _, it in statements(ROLES[role]) if action in as_list(it["Action"])]
    assert all(it["Effect"] == "Allow" for _, it in found)
    return found


# Whose roles may be passed by whom, to whom, and under which of the template's conditions.
TO_TASKS = ("HasPassRoleArns", {"Ref": "PassRoleArns"}, "ecs-tasks.amazonaws.com")
PASSED = {
    "DeployRole": [TO_TASKS],
    "HealRole": [(None, arn_of("HealScheduleRole"), "scheduler.amazonaws.com")],
    "MigrateRole": [(None, arn_of("MigrateScheduleRole"), "scheduler.amazonaws.com"), TO_TASKS],
    "SnapshotRole": [(None, arn_of("SnapshotScheduleRole"), "scheduler.amazonaws.com")],
}


@pytest.mark.parametrize("role", ROLES)
def test_roles_are_passed_only_when_they_are_named(role):
    passed = [
        (condition, it["Resource"], it["Condition"]["StringEquals"]["iam:PassedToService"])
        for condition, it in allowing(role, "iam:PassRole")
    ]
    assert passed == PASSED.get(role, [])


def test_no_role_is_passed_by_default():
    template = load()
    assert template["Parameters"]["PassRoleArns"]["Default"] == ""
    assert template["Conditions"]["HasPassRoleArns"] == {
        "Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", {"Ref": "PassRoleArns"}]}, ""]}]
    }


# deploy writes services, migrate runs tasks. Neither does the other's, and nobody else does either.
WRITES_IN_ECS = {
    "DeployRole": {"ecs:RegisterTaskDefinition", "ecs:StopServiceDeployment", "ecs:TagResource", "ecs:UpdateService"},
    "MigrateRole": {
        "ecs:ContinueServiceDeployment",
        "ecs:RegisterTaskDefinition",
        "ecs:RunTask",
        "ecs:StopTask",
        "ecs:TagResource",
    },
}
ECS = "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}"


@pytest.mark.parametrize("role", ROLES)
def test_only_deploy_and_migrate_write_in_ecs_and_each_its_own(role):
    actions = {action for _, _, it in statements(ROLES[role]) for action in as_list(it["Action"]) if action.startswith("ecs:")}
    writes = {action for action in actions if not re.match(r"ecs:(Describe|List)", action)}
    assert writes == WRITES_IN_ECS.get(role, set())


@pytest.mark.parametrize("action", ["ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:TagResource"])
def test_migrate_registers_tags_and_runs_nothing_but_its_own_families(action):
    """IAM does not look at the command of an override: who may run a service's own revision may run anything in it."""
    ((condition, statement),) = allowing("MigrateRole", action)
    assert condition is None
    assert statement["Resource"] == {"Fn::Sub": f"{ECS}:task-definition/steward-migrate-*"}


def test_migrate_stops_tasks_and_no_more():
    ((condition, statement),) = allowing("MigrateRole", "ecs:StopTask")
    assert condition is None and statement["Resource"] == {"Fn::Sub": f"{ECS}:task/*"}


def test_a_hook_is_answered_only_of_services_that_migrate():
    ((condition, statement),) = allowing("MigrateRole", "ecs:ContinueServiceDeployment")
    assert condition is None and statement["Condition"] == {"Null": {"aws:ResourceTag/steward:migrate": "false"}}
    assert statement["Resource"] == [{"Fn::Sub": f"{ECS}:{kind}/*"} for kind in ("service", "service-deployment")]


@pytest.mark.parametrize(
    ("action", "resources"),
    [("ecs:UpdateService", ["service"]), ("ecs:StopServiceDeployment", ["service", "service-deployment"])],
)
def test_services_are_written_only_where_they_are_opted_in(action, resources):
    allowed = [it for _, it in allowing("DeployRole", action)]
    # A statement for each tag: two tags in one would have to be there both.
    assert [it["Condition"] for it in allowed] == [
        {"Null": {f"aws:ResourceTag/steward:{tag}": "false"}} for tag in ("deploy", "heal")
    ]
    for statement in allowed:
        assert as_list(statement["Resource"]) == [{"Fn::Sub": f"{ECS}:{kind}/*"} for kind in resources]


# What a function may put on the bus, and by which rule another hears it. What snapshot answers is for whoever asked: of
# functions that is migrate.
TOLD = {
    "DeployRole": {
        "Migration Requested": "MigrationRequestedRule",
        "Rollback Answered": "HealAskedRule",
        "Rollout Failed": "HealAskedRule",
    },
    "HealRole": {"Rollback Requested": "DeployRequestedRule"},
    "MigrateRole": {
        "Migration Failed": "DeployRequestedRule",
        "Migration Succeeded": "DeployRequestedRule",
        "Snapshot Requested": "SnapshotRequestedRule",
    },
    "SnapshotRole": {"Snapshot Available": "MigrationSnapshotRule", "Snapshot Failed": "MigrationSnapshotRule"},
}


@pytest.mark.parametrize("role", ROLES)
def test_on_the_bus_a_function_says_only_what_it_is_heard_for(role):
    told = [it for _, it in allowing(role, "events:PutEvents")]
    assert len(told) == (1 if role in TOLD else 0)
    for statement in told:
        assert statement["Resource"]["Fn::Sub"].endswith(":${AWS::AccountId}:event-bus/default")
        of_each_event = statement["Condition"]["ForAllValues:StringEquals"]
        assert of_each_event["events:source"] == ["steward"]
        assert set(of_each_event["events:detail-type"]) == set(TOLD[role])
        # Where a key is missing, "for all values" is true.
        assert statement["Condition"]["Null"] == {key: "false" for key in of_each_event}
        for detail_type, rule in TOLD[role].items():
            hearing = {
                name
                for name, it in of_type(STACK, "AWS::Events::Rule").items()
                if it["Properties"]["EventPattern"]["source"] == ["steward"]
                and detail_type in it["Properties"]["EventPattern"]["detail-type"]
            }
            assert hearing == {rule}, detail_type


@pytest.mark.parametrize("role", ROLES)
def test_schedules_are_made_only_in_the_group_that_is_for_them(role):
    made = [it["Resource"] for _, it in allowing(role, "scheduler:CreateSchedule")]
    groups = {f"{name}Role": f"${{{name}ScheduleGroup}}" for name in ("Heal", "Migrate", "Snapshot")}
    in_account = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule"
    assert made == ([{"Fn::Sub": f"{in_account}/{groups[role]}/*"}] if role in groups else [])


@pytest.mark.parametrize("role", ROLES)
def test_log_lines_are_read_only_where_the_parameter_says(role):
    read = [it["Resource"] for _, it in allowing(role, "logs:GetLogEvents")]
    group = "arn:${AWS::Partition}:logs:*:${AWS::AccountId}:log-group:${LogGroupPattern}:log-stream:*"
    assert read == ([{"Fn::Sub": group}] if role in ("HealRole", "MigrateRole") else [])


@pytest.mark.parametrize("pattern", ["", "*:*", "shop:log-stream:x", "shop/${aws:username}", "*,shop", "shop backend", "?"])
def test_the_pattern_of_log_groups_names_log_groups_and_nothing_else(pattern):
    allowed = load()["Parameters"]["LogGroupPattern"]["AllowedPattern"]
    assert not re.fullmatch(allowed, pattern)
    assert all(re.fullmatch(allowed, good) for good in ("*", "/ecs/*", "/aws/ecs/shop-backend", "none", "a_b.c#d"))


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
            assert keys and all(re.fullmatch(r"[A-Z]+(#\*)?", key) for key in keys)


def keys(role, action):
    """The partition keys of the table that a role may call the action for."""
    return {
        key
        for _, statement in allowing(role, action)
        for key in statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    }


def test_deploy_and_migrate_read_each_others_state_and_write_only_their_own():
    of_migrations = {"RUN#*", "DATABASE#*"}
    assert keys("MigrateRole", "dynamodb:PutItem") == of_migrations | {"MIGRATE"}
    assert keys("MigrateRole", "dynamodb:GetItem") == of_migrations | {"MIGRATE", "SERVICE#*"}
    written = keys("DeployRole", "dynamodb:PutItem")
    assert "SERVICE#*" in written and not written & of_migrations
    assert keys("DeployRole", "dynamodb:GetItem") == written | {"DATABASE#*"}
    assert keys("DeployRole", "dynamodb:BatchGetItem") == written | {"RUN#*"}
    assert keys("DeployRole", "dynamodb:Query") == written


@pytest.mark.parametrize("role", ROLES)
def test_the_permissions_boundary_reaches_every_role(role):
    boundary = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    assert ROLES[role]["Properties"]["PermissionsBoundary"] == boundary


def test_no_function_has_a_role_made_by_the_translator():
    """Such a role carries AWSLambdaBasicExecutionRole, which may create and write any log group."""
    assert set(ROLES) == set(of_type(load(), "AWS::IAM::Role"))
    assert not any("ManagedPolicyArns" in role["Properties"] for role in ROLES.values())


# ---- Snapshots -------------------------------------------------------------------------------------------------------

HERE, ANYWHERE = "${AWS::Region}", "*"
OWNER = {"Ref": "AWS::StackName"}


def rds(region, *kinds):
    """Resources of RDS, as the template writes them."""
    return [{"Fn::Sub": f"arn:${{AWS::Partition}}:rds:{region}:${{AWS::AccountId}}:{kind}"} for kind in kinds]


DATABASES = ("cluster:*", "db:*")
OURS = ("cluster-snapshot:steward-*", "snapshot:steward-*")
OWNED = {"StringEquals": {"aws:ResourceTag/steward:owner": OWNER}}
COPIED_FROM_HERE = {"aws:ResourceTag/steward:owner": OWNER, "aws:ResourceTag/steward:copied-from": {"Ref": "AWS::Region"}}
AS_COPY = {"aws:RequestTag/steward:owner": OWNER, "aws:RequestTag/steward:copied-from": {"Ref": "AWS::Region"}}
NAMED = (None, rds(HERE, *OURS), {"StringEquals": {"aws:RequestTag/steward:owner": OWNER}})
COPIED = (None, rds(ANYWHERE, *OURS), {"StringEquals": AS_COPY})

# (condition of the template, resources, condition of IAM) of each statement that allows one of the actions. Creating asks for
# the database and the snapshot, copying for both snapshots: where one of the two is missing, nothing is ever taken.
WRITTEN = {
    "Create": [(None, rds(HERE, *DATABASES), {"Null": {"aws:ResourceTag/steward:snapshot": "false"}}), NAMED],
    "Copy": [(None, rds(HERE, *OURS), OWNED), COPIED],
    "Delete": [
        (
            None,
            rds(HERE, *OURS),
            OWNED | {"Null": {"aws:ResourceTag/steward:hold": "true", "aws:ResourceTag/steward:copied-from": "true"}},
        ),
        (
            None,
            rds(ANYWHERE, *OURS),
            {"StringEquals": COPIED_FROM_HERE, "Null": {"aws:ResourceTag/steward:hold": "true"}},
        ),
    ],
}


@pytest.mark.parametrize("kind", ["DBSnapshot", "DBClusterSnapshot"])
@pytest.mark.parametrize("verb", WRITTEN)
def test_snapshots_are_written_only_by_name_owner_and_opt_in(verb, kind):
    allowed = [(condition, it["Resource"], it["Condition"]) for condition, it in allowing("SnapshotRole", f"rds:{verb}{kind}")]
    assert allowed == WRITTEN[verb]


def test_tags_are_given_to_a_snapshot_only_as_it_is_taken_or_copied():
    allowed = allowing("SnapshotRole", "rds:AddTagsToResource")
    assert [(condition, it["Resource"], it["Condition"]) for condition, it in allowed] == [NAMED, COPIED]
    for _, it in allowed:
        assert any(action.startswith(("rds:Create", "rds:Copy")) for action in it["Action"])


@pytest.mark.parametrize("kind", ["DBSnapshot", "DBClusterSnapshot"])
def test_a_snapshot_can_be_shared_only_where_accounts_are_named(kind):
    allowed = allowing("SnapshotRole", f"rds:Modify{kind}Attribute")
    assert [(condition, it["Resource"], it["Condition"]) for condition, it in allowed] == [
        ("HasSnapshotShareAccounts", rds(HERE, *OURS), OWNED)
    ]
    template = load()
    assert template["Parameters"]["SnapshotShareAccounts"]["Default"] == ""
    assert template["Conditions"]["HasSnapshotShareAccounts"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "SnapshotShareAccounts"}, ""]}]
    }


def test_keys_are_used_by_rds_alone_and_only_those_that_are_named():
    named = {"Fn::Split": [",", {"Ref": "SnapshotKmsKeyArns"}]}
    assert [(condition, it["Resource"], it["Condition"]) for condition, it in allowing("SnapshotRole", "kms:CreateGrant")] == [
        (
            "HasSnapshotKmsKeys",
            named,
            {
                "Bool": {"kms:GrantIsForAWSResource": "true"},
                "StringLike": {"kms:ViaService": {"Fn::Sub": "rds.*.${AWS::URLSuffix}"}},
            },
        )
    ]
    of_rds, others, of_stack = allowing("SnapshotRole", "kms:DescribeKey")
    assert of_stack[0] == "HasKmsKey"
    assert of_rds[1]["Condition"] == {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/aws/rds"]}}
    assert (others[0], others[1]["Resource"]) == ("HasSnapshotKmsKeys", named)
    assert load()["Parameters"]["SnapshotKmsKeyArns"]["Default"] == ""


@pytest.mark.parametrize("role", ROLES)
def test_only_snapshot_writes_in_rds_and_no_database(role):
    actions = {action for _, _, it in statements(ROLES[role]) for action in as_list(it["Action"])}
    # What any role may do with the stack's own key is in test_encryption.py.
    writes = {action for action in actions if re.match(r"rds:(?!Describe)|kms:CreateGrant", action)}
    assert not writes or role == "SnapshotRole"
    of_snapshots = r"rds:((Create|Copy|Delete)DB(Cluster)?Snapshot|ModifyDB(Cluster)?SnapshotAttribute|AddTagsToResource)"
    assert [action for action in writes - {"kms:CreateGrant"} if not re.fullmatch(of_snapshots, action)] == []


@pytest.mark.parametrize("kind", ["DBInstances", "DBClusters", "DBSnapshots", "DBClusterSnapshots"])
def test_migrate_looks_at_databases_of_its_own_region_alone(kind):
    ((condition, statement),) = allowing("MigrateRole", f"rds:Describe{kind}")
    assert condition is None
    assert all(f":rds:{HERE}:" in resource["Fn::Sub"] for resource in statement["Resource"])


# ---- Calls -----------------------------------------------------------------------------------------------------------

# What no line of the code calls: Lambda itself does, or IAM asks for it beside another action.
NOT_CALLED = {
    "ecs:TagResource",
    "iam:PassRole",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "rds:AddTagsToResource",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
# IAM's name of a service where it is not botocore's.
PREFIXES = {name: name for name in ("dynamodb", "ecr", "ecs", "events", "kms", "logs", "rds", "scheduler", "sns", "sqs")}
PREFIXES["resourcegroupstaggingapi"] = "tag"
# Of a shared module not everybody takes all: an operation, and the method by which it is called.
BEHIND = {"dynamodb:BatchGetItem": "get_all"}


def code_of(*paths):
    """The code in files and folders, tests left out."""
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*.rs")))]
    return "".join(file.read_text().split("#[cfg(test)]")[0] for file in files if file.stem != "tests")


def called(function):
    """IAM actions of all SDK calls of a function, and of the shared modules that it names. Operations come from botocore's
    models."""
    code = code_of(ROOT / f"functions/{function}/src")
    used = [path for path in (ROOT / "shared/src").iterdir() if re.search(rf"\bshared::(?:{{[^;]*?\b)?{path.stem}\b", code)]
    own, code = code, code + code_of(*used)
    session = botocore.session.get_session()
    found = {
        f"{prefix}:{operation}"
        for service, prefix in PREFIXES.items()
        for operation in session.get_service_model(service).operation_names
        if re.search(rf"\.{xform_name(operation)}\(\)", code)
    }
    return {it for it in found if it not in BEHIND or re.search(rf"\.{BEHIND[it]}(::<\w+>)?\(", own)}


@pytest.mark.parametrize("role", OF_FUNCTIONS)
def test_a_function_may_make_exactly_the_calls_that_its_code_makes(role):
    allowed = {action for _, _, statement in stack.statements(ROLES[role]) for action in as_list(statement["Action"])}
    assert allowed - NOT_CALLED == called(role.removesuffix("Role").lower())
