"""Moto is where it is said not to be as AWS. Should one of these fail, moto has learnt it: see `deviations.py`."""

import pytest

from deviations import FOUND, LACKS, lacks


@pytest.mark.parametrize("test", [test for _, _, test in FOUND], ids=[test.__name__ for _, _, test in FOUND])
def test_moto_deviates(aws, tasks_that_run, test):
    test(aws)


@pytest.mark.parametrize("action", LACKS)
def test_moto_lacks(aws, action):
    assert lacks(aws, action)
