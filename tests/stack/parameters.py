"""Writes docs/parameters.md from template.yaml, or says that the two differ.

    python tests/stack/parameters.py --write
"""

import sys

from stack import ROOT, load

PAGE = ROOT / "docs/parameters.md"

HEAD = """# Parameters

Generated from `template.yaml` by `make parameters`; do not edit by hand.
`sam deploy --parameter-overrides Name=value ...` sets them; what is left out keeps its last value. A change takes effect at once: no
parameter needs a new build but `Architecture`.
"""

# When to change what. What a parameter does stands in the template, where CloudFormation's console shows it.
WHEN = {
    "DryRun": "for the first days, and to see a new version's decisions before it acts",
    "HealMode": "one step at a time, when the alerts of the step before were right: `dry-run`, `approve`, `auto`",
    "PassRoleArns": "before mode `pin`, rollbacks to an earlier revision or migrations; with every new role",
    "LogGroupPattern": "when some log groups hold what must not be in an alert",
    "RolloutTimeoutMinutes": "when good rollouts take longer, with many tasks, slow health checks or long draining",
    "ApiBudgetPercent": "up where Steward alone rolls thousands of services, down where a pipeline is throttled",
    "PermissionsBoundaryArn": "when the account lets no role be made without one",
    "AlertEmail": "at the first deployment, unless something else is subscribed to the topic",
    "AlertFormat": "when a chat channel is subscribed in place of people's mail",
    "SweepEnabled": "hardly ever; to stop a function, `ReservedConcurrency=0` is the better brake",
    "SweepSchedule": "seldom; slower saves next to nothing",
    "SweepAlarmMinutes": "together with `SweepSchedule`",
    "SnapshotSchedule": "seldom; for hourly slots leave it at a quarter of an hour",
    "SnapshotAlarmMinutes": "together with `SnapshotSchedule`",
    "SnapshotTimeZone": "once, before the first snapshot: a change moves the borders of days and months",
    "SnapshotTime": "once, to an hour at which little is written",
    "SnapshotKeepMinimum": "up, where a wrong tag would cost too much",
    "SnapshotOrphanDays": "when it is settled how long the snapshots of a deleted database are needed",
    "SnapshotShareAccounts": "when another account restores or keeps copies",
    "SnapshotKmsKeyArns": "when databases are encrypted with a key of your own, or are to be copied or shared",
    "MigrationTimeoutMinutes": "up, when a good migration takes longer; for one image its label is better",
    "MigrationSchedule": "when a migration is to run at set times and not only before rollouts",
    "MigrationService": "together with `MigrationSchedule`",
    "Architecture": "for x86_64 build machines; give it to `sam build` as well",
    "MemorySize": "up, when the query of [cold starts and memory](queries.md) says that it is tight, or a sweep is slow",
    "ReservedConcurrency": "to 0 to stop everything, and to 1 or 2 where a policy asks for a limit",
    "LogLevel": "to `DEBUG` while you look for something; then snapshots that are kept are logged, too",
    "LogRetentionDays": "when decisions have to be kept longer, or log lines may not be",
    "Tracing": "while you look where the time goes",
    "KmsKey": "when a rule asks for keys of your own, or their use is to be seen: [encryption](encryption.md)",
}


def allowed(parameter):
    """What a parameter takes, in words."""
    if "AllowedValues" in parameter:
        return ", ".join(f"`{value}`" for value in parameter["AllowedValues"])
    if parameter["Type"] == "Number":
        return f"{parameter['MinValue']} to {parameter['MaxValue']}"
    if "ConstraintDescription" in parameter:
        return parameter["ConstraintDescription"].removeprefix("must be ")
    assert parameter["Type"] == "CommaDelimitedList"
    return "list, separated by commas"


def kind(parameter):
    """The type of a parameter, in a word."""
    return {"Number": "number", "String": "text", "CommaDelimitedList": "list"}[parameter["Type"]]


def default(parameter):
    value = str(parameter["Default"])
    return f"`{value}`" if value else "empty"


def page():
    """The whole page, one table for each group of parameters."""
    template = load()
    lines = [HEAD]
    for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        lines += [f"## {group['Label']['default']}", "", "| parameter | type | default | takes | meaning | change it |", "|" + " --- |" * 6]
        for name in group["Parameters"]:
            it = template["Parameters"][name]
            lines.append(
                f"| `{name}` | {kind(it)} | {default(it)} | {allowed(it)} | {it['Description']} | {WHEN[name]} |"
            )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page())
    elif PAGE.read_text() != page():
        sys.exit("docs/parameters.md is not what template.yaml says: run `make parameters`")
