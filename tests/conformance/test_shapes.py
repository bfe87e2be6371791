"""The judge itself: what it must find."""

import botocore.session
import pytest

from shapes import problems

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
