"""What samples come to: best and median, sizes, ratios."""

import functools
import json
import statistics
import subprocess
import zlib
from collections import defaultdict
from pathlib import Path

FUNCTIONS = ["deploy", "heal", "migrate", "snapshot"]


def measure(bench, folder, template, rounds, subjects):
    """Lets the bench binary measure subjects in turns; answers (roots, samples by subject)."""
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / "samples.json"
    plan = {"folder": str(folder), "template": str(template), "out": str(out), "rounds": rounds, "subjects": subjects}
    # A function that the scene needs beside the subject runs in this process, and its metrics are of no interest here.
    subprocess.run([str(bench)], input=json.dumps(plan), text=True, stdout=subprocess.DEVNULL, check=True)
    first, *lines = [json.loads(line) for line in out.read_text().splitlines()]
    samples = defaultdict(list)
    for line in lines:
        samples[line["subject"]].append(line["sample"])
    return first["roots"], samples


def subject(name, scene, binary, again=0, **variables):
    return {"name": name, "scene": scene, "binary": str(binary), "again": again, "variables": variables}


def cold(samples):
    """Samples of first invocations."""
    return [sample for sample in samples if sample["answered"] is not None]


def warm(samples, event):
    """Samples of further invocations with such an event."""
    return [sample for sample in samples if sample["answered"] is None and sample["event"] == event]


def best(samples, what):
    return min(sample[what] for sample in samples)


def median(samples, what):
    return statistics.median(sample[what] for sample in samples)


def own(samples):
    """Median of what an invocation takes beyond the endpoint's work."""
    return statistics.median(sample["took"] - sample["endpoint"] for sample in samples)


@functools.cache
def sizes(binary):
    """Bytes of a binary, and of what is uploaded: it alone, deflated. The frame of a zip file adds about 100 bytes."""
    content = Path(binary).read_bytes()
    return {"binary": len(content), "zip": len(zlib.compress(content, 9))}
