"""Each test file imports its neighbours by name."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.dont_write_bytecode = True

# The template has its part of snapshot before the function has its own. A line goes as soon as what it waits for is there:
# from then on its tests pass, and passing is a failure while they stand here.
AWAITED = {
    r"test_a_function_may_make_exactly_the_calls_that_its_code_makes\[SnapshotRole\]": "the calls of snapshot",
    r"test_a_metric_that_is_watched_is_counted\[snapshot-\w+\]": "the metrics of snapshot",
    r"test_every_kind_of_alert_has_a_runbook\[SnapshotFunction\]": "the alerts of snapshot",
    r"test_an_alarm_reaches_the_topic_and_names_its_runbook\[SnapshotBackupStaleAlarm\]": "docs/runbooks/backup-stale.md",
    r"test_an_alarm_reaches_the_topic_and_names_its_runbook\[SnapshotQuotaNearAlarm\]": "docs/runbooks/quota-near.md",
}


def pytest_collection_modifyitems(items):
    for item in items:
        for name, what in AWAITED.items():
            if re.fullmatch(name, item.name):
                item.add_marker(pytest.mark.xfail(strict=True, reason=f"awaits {what}"))
