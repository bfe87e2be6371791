"""The judge itself: what it must find."""

import botocore.session
import pytest

from shapes import answer_problems, problems

MODEL = botocore.session.get_session().get_service_model("ecs").operation_model("DescribeServices").output_shape


@pytest.mark.parametrize(
    ("service", "problem"),
    [
        ({"serviceName": "a", "desiredCount": 1, "createdAt": 1795166047.5, "schedulingStrategy": "REPLICA"}, None),
        ({"serviceNames": "a"}, ".services[0].serviceNames: is unknown"),
        ({"desiredCount": "1"}, ".services[0].desiredCount: '1' is no integer"),
        ({"desiredCount": True}, ".services[0].desiredCount: True is no integer"),
        ({"createdAt": "2026-11-20T09:14:07Z"}, ".services[0].createdAt: '2026-11-20T09:14:07Z' is no timestamp"),
        ({"enableECSManagedTags": 1}, ".services[0].enableECSManagedTags: 1 is no boolean"),
        ({"schedulingStrategy": "OTHER"}, ".services[0].schedulingStrategy: 'OTHER' is none of"),
        ({"platformVersion": None}, ".services[0].platformVersion: null"),
        ({"deployments": {}}, ".services[0].deployments: {} is no list"),
        ({"deploymentConfiguration": []}, ".services[0].deploymentConfiguration: [] is no structure"),
    ],
)
def test_it_finds(service, problem):
    found = problems(MODEL, {"services": [service]})
    assert [it.startswith(problem) for it in found] == [True] if problem else not found


XML = """<DescribeDBInstancesResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><DescribeDBInstancesResult>%s</DescribeDBInstancesResult>
<ResponseMetadata><RequestId>a</RequestId></ResponseMetadata></DescribeDBInstancesResponse>"""
LIST = "<DBInstances><DBInstance>%s</DBInstance></DBInstances>"


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        (LIST % "<MultiAZ>true</MultiAZ><AllocatedStorage>20</AllocatedStorage><LatestRestorableTime>2026-11-20T09:14:07.5Z</LatestRestorableTime>", None),
        (LIST % "<Multi>true</Multi>", ".DBInstances[0].Multi: "),
        (LIST % "<MultiAZ>yes</MultiAZ>", ".DBInstances[0].MultiAZ: 'yes' is no boolean"),
        (LIST % "<AllocatedStorage>20 GB</AllocatedStorage>", ".DBInstances[0].AllocatedStorage: '20 GB' is no integer"),
        (LIST % "<LatestRestorableTime>today</LatestRestorableTime>", ".DBInstances[0].LatestRestorableTime: 'today' is no timestamp"),
        (LIST % "<Engine>a</Engine><Engine>b</Engine>", ".DBInstances[0]: 'Engine twice' is no structure"),
        ("<DBInstances><member/></DBInstances>", ".DBInstances: 'items that are not called DBInstance' is no list"),
    ],
)
def test_it_finds_in_xml(inside, problem):
    model = botocore.session.get_session().get_service_model("rds").operation_model("DescribeDBInstances")
    found = answer_problems(model, (XML % inside).encode())
    assert [it.startswith(problem) for it in found] == [True] if problem else not found, found


def test_the_root_and_the_result_are_looked_at():
    model = botocore.session.get_session().get_service_model("rds").operation_model("DescribeDBInstances")
    assert answer_problems(model, b"<OtherResponse/>") == [": the root is OtherResponse", ": no result"]
