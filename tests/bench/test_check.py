"""The check and the bars fail when they should. Nothing is measured here."""

import copy
import json
import sys

import bench
import check
import pytest

BASELINE = {
    "deploy": {"binary": 8_000_000, "zip": 3_300_000, "cold": 5.0},
    "heal": {"binary": 8_200_000, "zip": 3_400_000, "cold": 5.5},
}


def test_what_is_as_it_was_is_no_problem():
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


@pytest.mark.parametrize(("factor", "code"), [(1, 0), (0.9, 1)])
def test_the_command_compares_with_the_file_that_it_is_given_and_says_what_is_worse(
    tmp_path, monkeypatch, capsys, factor, code
):
    doctored = {name: {**seen, "zip": seen["zip"] * factor} for name, seen in BASELINE.items()}
    (tmp_path / "baseline.json").write_text(json.dumps(doctored))
    monkeypatch.setattr(check, "observe", lambda *_: BASELINE)
    arguments = ["--functions", str(tmp_path), "--bench", "bench", "--baseline", str(tmp_path / "baseline.json")]
    monkeypatch.setattr(sys, "argv", ["check.py", *arguments])
    assert check.main() == code
    assert capsys.readouterr().err.count("WORSE") == 2 * code


def test_what_is_committed_names_every_function_and_keeps_to_the_bar_of_an_upload():
    committed = json.loads((check.HERE / "baseline.json").read_text())
    assert sorted(committed) == check.figures.FUNCTIONS
    assert [name for name, seen in committed.items() if seen["zip"] > bench.MOST_ZIP] == []


def test_each_bar_fails_on_its_own():
    good = {"defaults": 0.01, "boto3": 0.01, "peak": 1.0, "zip": 1.0}
    assert sorted(good) == sorted(bench.BARS)
    for name in good:
        held = bench.held({**good, name: 10_000_000.0})
        assert [bar for bar, (_, _, ok) in held.items() if not ok] == [name]
    assert all(ok for _, _, ok in bench.held(good).values())
