"""Writes docs/queries.md from the saved queries of template.yaml, with what they answer over tests/stack/records.log.

    python tests/stack/queries.py --write
"""

import re
import sys

import insights
import records
from stack import ROOT, load, of_type

PAGE = ROOT / "docs/queries.md"
SHOWN = 4

HEAD = """# Saved queries

Generated from `template.yaml` by `make queries`; do not edit by hand.

The stack brings a query of CloudWatch Logs Insights for each of these questions. In the console: CloudWatch, Logs Insights, saved
queries, the folder with the name of the stack. Choose the time range there. A line that begins with `#` says how to narrow the query
down. A query is billed by what it reads, so keep the range short where much is logged.

Each sample below is an answer over log lines that the functions' binaries wrote in [the demo](demo.md) and while every call was
throttled, evaluated by a reader of the query language of our own (`tests/stack/insights.py`). Columns that are empty in the sample
are left out. In the service itself the queries have not been run yet.
"""

# How the question is asked, and what else there is to know.
QUESTIONS = {
    "WhyNotRolledQuery": "Whatever `deploy` decided of a service other than to roll it, and why. "
    "[deploy.md](deploy.md) explains each decision.",
    "WhatChangedQuery": "Rollouts and ways back, migrations, snapshots taken, copied and deleted, and rollbacks that `heal` asked for.",
    "WhyAlertQuery": "Each alert that was published, between the decisions of `heal`: counted, not counted, muted, held back.",
    "OptedInQuery": "The last sweep's word on each service with the tag `steward:deploy`. "
    "What is not in here has no such tag, or a sweep has not come by in the time range.",
    "BackupsQuery": "The last look at each database with the tag `steward:snapshot`. The age is that of its newest snapshot, in seconds.",
    "SnapshotsQuery": "With `LogLevel=DEBUG` also every snapshot that is kept, and by which rule. "
    "Without, the return value of a sweep has the same table, the first 5,000 lines of it.",
    "MigrationQuery": "Each run from its request to its end. `reason` says what it waits for, `was` how it stood before.",
    "DryRunQuery": "With `DryRun=true` all that would have been done, and without it what `heal` would have asked for where healing is `dry-run`.",
    "FailedCallsQuery": "By operation, kind of failure and error code. The reason of the last one says what to do. What is no call comes without an operation: messages that could not be handled.",
    "ColdStartsQuery": "From the reports of Lambda itself, for each function. Times are in milliseconds, memory in MB.",
}

# As Lambda writes it in the log format JSON.
REPORTS = [
    'deploy {"time":"2026-11-21T06:00:00.100Z","type":"platform.report","record":{"requestId":"r-1","metrics":{"durationMs":140.2,'
    '"billedDurationMs":181,"memorySizeMB":256,"maxMemoryUsedMB":24,"initDurationMs":40.1},"status":"success"}}',
    'deploy {"time":"2026-11-21T06:05:00.100Z","type":"platform.report","record":{"requestId":"r-2","metrics":{"durationMs":61.7,'
    '"billedDurationMs":62,"memorySizeMB":256,"maxMemoryUsedMB":25},"status":"success"}}',
]


def rows(query):
    """What a query is asked of: the lines of its log groups. The reports are made up, since the binaries run without Lambda."""
    groups = {group["Ref"].removesuffix("LogGroup").lower() for group in query["Properties"]["LogGroupNames"]}
    lines = insights.read([*records.LINES.read_text().splitlines(), *REPORTS])
    return [row for row in lines if row["@log"].rpartition("/")[2] in groups]


def cell(value):
    if value is None or value == "":
        return ""
    text = re.sub(r"(\d\d:\d\d:\d\d)\.\d+Z", r"\1Z", str(value)).replace("|", "\\|")
    return text if len(text) <= 90 else f"{text[:87]}..."


def sample(answer):
    """A few rows, unlike one another, as a table."""
    chosen, seen = [], set()
    for row in answer:
        kind = (row.get("decision"), "kind" in row)
        if kind not in seen or len(answer) <= SHOWN:
            seen.add(kind)
            chosen.append(row)
        if len(chosen) == SHOWN:
            break
    columns = [name for name in answer.columns if any(row.get(name) not in (None, "") for row in chosen)]
    table = [columns, ["---"] * len(columns), *([cell(row.get(name)) for name in columns] for row in chosen)]
    return "\n".join(f"| {' | '.join(line)} |" for line in table)


def page():
    """The whole page, in the order of the template."""
    lines = [HEAD]
    for name, query in of_type(load(), "AWS::Logs::QueryDefinition").items():
        properties = query["Properties"]
        title = properties["Name"]["Fn::Sub"].removeprefix("${AWS::StackName}/")
        groups = ", ".join(f"`{group['Ref'].removesuffix('LogGroup').lower()}`" for group in properties["LogGroupNames"])
        answer, _ = insights.run(properties["QueryString"], rows(query))
        lines += [f"## {title}", "", f"{QUESTIONS[name]} Log groups: {groups}.", ""]
        lines += ["```", properties["QueryString"], "```", "", sample(answer), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        sys.exit("docs/queries.md is not what template.yaml says: run `make queries`")
