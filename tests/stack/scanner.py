"""Runs checkov, a scanner that nobody here wrote, over templates. It lives in a folder of its own: it pins another boto3 than SAM."""

import json
import subprocess

from stack import ROOT

PROGRAM = ROOT / ".tools/checkov/bin/checkov"


def skips(resource):
    """What is suppressed in place: id and reason."""
    return [(it["id"], it.get("comment", "")) for it in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])]


def bare(template):
    """The template without what it suppresses."""
    resources = {name: dict(resource) for name, resource in template["Resources"].items()}
    for resource in resources.values():
        resource["Metadata"] = {key: it for key, it in resource.get("Metadata", {}).items() if key != "checkov"}
    return template | {"Resources": resources}


def failures(folder, templates):
    """(resource, id of the check) of each check that fails, by template. `templates` are written into `folder`."""
    for name, template in templates.items():
        (folder / f"{name}.json").write_text(json.dumps(template))
    done = subprocess.run(
        # Else it asks its maker's service first, for twenty seconds where there is no network.
        [PROGRAM, "--directory", folder, "--framework", "cloudformation", "--skip-download", "--compact", "--output", "json"],
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout)
    assert not report["summary"]["parsing_errors"] and report["summary"]["passed"] > 100, done.stderr
    found = {name: set() for name in templates}
    for check in report["results"]["failed_checks"]:
        name = check["file_path"].removeprefix("/").removesuffix(".json")
        found[name].add((check["resource"].split(".", 1)[1], check["check_id"]))
    return found
