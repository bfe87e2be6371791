"""`make sam-local` invokes by scripts/sam-local.expected.json: each sample must be there with those, and only those, whom the template
would send it to."""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/stack"))
sys.dont_write_bytecode = True

from test_patterns import RULES, SAMPLES, expected

# Schedules send these past the rules.
SCHEDULED = {
    "migration-due.json": ["MigrateFunction"],
    "snapshot-due.json": ["SnapshotFunction"],
    "sweep.json": ["DeployFunction", "HealFunction", "MigrateFunction", "SnapshotFunction"],
    "verification-due.json": ["HealFunction"],
}


def test_each_sample_is_tried_with_those_who_get_it_and_with_no_other():
    wanted = SCHEDULED | {"sqs-batch.json": ["DeployFunction"]}
    for path in SAMPLES:
        queues = {RULES[rule]["Properties"]["Targets"][0]["Arn"]["Fn::GetAtt"][0] for rule in expected(path)}
        if queues:
            wanted[str(path.relative_to(ROOT / "events"))] = sorted(queue.removesuffix("Queue") + "Function" for queue in queues)
    tried = json.loads((ROOT / "scripts/sam-local.expected.json").read_text())
    assert {sample: sorted(functions) for sample, functions in tried.items()} == wanted


def test_no_sample_is_expected_to_fail():
    tried = json.loads((ROOT / "scripts/sam-local.expected.json").read_text())
    said = [decision for functions in tried.values() for decisions in functions.values() for decision in decisions]
    assert said and not [decision for decision in said if decision.startswith("answered")], said
