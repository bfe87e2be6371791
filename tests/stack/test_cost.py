"""The fixed part of docs/cost.md: what is written at rest, and the sums. What grows with services is measured by tests/suite/cost.rs."""

import json
import re

from stack import ROOT

PAGE = (ROOT / "docs/cost.md").read_text()


def fixed():
    """Number, price and sum of each row, by its first word."""
    table = PAGE.split("| each month, whatever there is ")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]
    return {row[0].split()[0]: [float(cell) for cell in row[1:]] for row in rows}


def test_the_metrics_at_rest_are_those_of_every_completed_sweep():
    """From lines that the real functions have written: what all their completed sweeps have in common."""
    always = {}
    for line in (ROOT / "tests/stack/records.log").read_text().splitlines():
        found = re.search(r"\{.*\"_aws\".*\}", line)
        written = json.loads(found.group()) if found else {}
        # A look at no database at all says less.
        if "SweepCompleted" not in written or written.get("Databases") == 0:
            continue
        names = {metric["Name"] for group in written["_aws"]["CloudWatchMetrics"] for metric in group["Metrics"]}
        always.setdefault(written["Function"], names).intersection_update(names)
    assert set(always) == {"deploy", "heal", "migrate", "snapshot"}
    assert fixed()["metrics"][0] == sum(len(names) for names in always.values()), always
    for function, names in always.items():
        assert re.search(rf"`{function}`\s(writes\s)?{len(names)}\b", PAGE), (function, names)


def test_every_sum_is_the_number_times_the_price():
    for what, (number, price, total) in fixed().items():
        assert abs(number * price - total) < 0.02, what


def test_the_short_answer_is_the_sum_of_the_tables():
    short = int(re.search(r"about (\d+) dollars", PAGE).group(1))
    rest = float(re.search(r"^\| 10 \| 200 .*\| ([0-9.]+) \|$", PAGE, re.MULTILINE).group(1))
    one_database = fixed()["metrics"][1]
    assert abs(sum(total for *_, total in fixed().values()) + rest + one_database - short) < 0.7
