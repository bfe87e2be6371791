"""The check fails when it should."""

import copy
import json

import bench
import check
import pytest

BASELINE = json.loads((check.HERE / "baseline.json").read_text())


def test_what_was_committed_passes():
    assert check.problems(BASELINE, BASELINE) == []


@pytest.mark.parametrize("function", sorted(BASELINE))
@pytest.mark.parametrize(("what", "factor"), [("binary", 1.05), ("zip", 1.05), ("cold", 1.6)])
def test_each_figure_that_grows_beyond_its_tolerance_is_named(function, what, factor):
    grown = copy.deepcopy(BASELINE)
    grown[function][what] *= factor
    (problem,) = check.problems(grown, BASELINE)
    assert problem.startswith(f"{function}: {what} is ")


def test_what_stays_within_the_tolerance_or_shrinks_is_no_problem():
    other = copy.deepcopy(BASELINE)
    for figures in other.values():
        figures["cold"] *= 1.4
        figures["zip"] = figures["zip"] // 2
    assert check.problems(other, BASELINE) == []


def test_a_function_without_a_baseline_is_a_problem():
    assert check.problems({**BASELINE, "new": {}}, BASELINE) == ["new: only on one side"]


def test_no_baseline_is_above_the_limit_of_a_zip():
    assert [name for name, figures in BASELINE.items() if figures["zip"] > bench.MOST_ZIP] == []


def test_each_bar_fails_on_its_own():
    good = {"defaults": 1.0, "boto3": 1.0, "peak": 1.0, "zip": 1.0}
    for name in good:
        held = bench.held({**good, name: 10_000_000.0})
        assert [bar for bar, (_, _, ok) in held.items() if not ok] == [name]
    assert all(ok for _, _, ok in bench.held({name: 0.0 for name in good}).values())
