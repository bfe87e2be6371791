"""`make bench`: the functions beside what else does their work, in one run, written into docs/performance.md.

Exits with 1 when a bar is not met. Bars are held against CPU time: elapsed time is that plus what a busy machine adds.
"""

import argparse
import os
import shutil
import sys
from collections import Counter
from pathlib import Path

import figures

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- Written by `make bench` -->", "<!-- Until here -->"
PUSH, ENDED = "ECR Image Action", "ECS Deployment State Change"

# Bytes of what is uploaded of one function.
MOST_ZIP = 3_500_000
# Name, what it is, and the most that is allowed.
BARS = {
    "defaults": ("cold start of `deploy`, of that on the SDK's defaults", 1 / 6),
    "boto3": ("cold start of `deploy`, of the boto3 twin's", 1 / 40),
    "peak": ("peak memory of any function, MiB", 20.0),
    "zip": ("largest upload of a function, bytes", MOST_ZIP),
}
TITLES = {
    "floor": "hello world on `lambda_runtime`",
    "deploy": "**`deploy`**",
    "defaults": "`deploy` on the SDK's defaults",
    "defaults-small": "the same with our release profile",
    "boto3": "boto3 twin",
    "node": "Node twin",
}


def held(values):
    """Each bar with its value, its limit, and whether it is met."""
    return {name: (values[name], limit, values[name] <= limit) for name, (_, limit) in BARS.items() if name in values}


def twins(work):
    """Twins that can run on this machine, as name and executable. What cannot is said aloud."""
    found = {}
    for name, profile in [("defaults", "release"), ("defaults-small", "small")]:
        binary = HERE / "twins" / "sdk-defaults" / "target" / profile / "sdk-defaults"
        if binary.exists():
            found[name] = binary
        elif profile == "release":
            print(f"SKIPPED {name}: {binary} is not built", file=sys.stderr)
    work.mkdir(parents=True, exist_ok=True)
    python, boto3 = ROOT / ".venv-bench" / "bin" / "python", HERE / "twins" / "boto3"
    main = f'import os, sys\nos.chdir("{boto3}")\nsys.path.insert(0, "{boto3}")\nfrom awslambdaric.__main__ import main\n'
    found["boto3"] = script(work / "boto3-twin.py", python, main + 'main(["", "handler.handle"])\n')
    node = shutil.which("node")
    bundle = HERE / "twins" / "node" / "dist" / "runtime.cjs"
    if node and bundle.exists():
        found["node"] = script(work / "node-twin.cjs", node, f"require({str(bundle)!r});\n")
    else:
        print("SKIPPED node: Node.js or the twin's bundle is missing", file=sys.stderr)
    return found


def script(path, interpreter, text):
    """A file that the kernel starts with its interpreter, so that no shell stands in between."""
    path.write_text(f"#!{interpreter}\n{text}")
    path.chmod(0o755)
    return path


def command():
    """`ecs-deploy`, a deployer for the command line, as it is asked to roll the service again."""
    program = ROOT / ".venv-bench" / "bin" / "ecs"
    arguments = ["deploy", "shop", "api", "--timeout", "-1"]
    return {"name": "ecs-deploy", "scene": "deploy", "binary": str(program), "arguments": arguments}


def machine(roots):
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    gib = int(memory.split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} cores ({os.uname().machine}), {gib:.0f} GiB of memory, {roots} root certificates"


def cold_table(samples, names):
    ours = figures.cold(samples["deploy"])
    rows = [
        "| | CPU to first answer, ms | times ours | elapsed, best, ms | elapsed, median, ms | ready, best, ms | peak, MiB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name in names:
        cold = figures.cold(samples[name])
        cpu = figures.best(cold, "cpu")
        rows.append(
            f"| {TITLES[name]} | {cpu:.1f} | {cpu / figures.best(ours, 'cpu'):.1f} | {figures.best(cold, 'answered'):.1f} "
            f"| {figures.median(cold, 'answered'):.1f} | {figures.best(cold, 'ready'):.1f} | {peak(cold):.1f} |"
        )
    return rows


def peak(samples):
    return max(sample["peak_kib"] for sample in samples) / 1024


def function_table(samples, functions):
    rows = [
        "| function | first event | AWS calls in it | CPU to first answer, ms | elapsed, best, ms | peak, MiB | binary, MB | upload, MB |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name in figures.FUNCTIONS:
        cold, size = figures.cold(samples[name]), figures.sizes(functions / name)
        rows.append(
            f"| `{name}` | {cold[0]['event']} | {len(cold[0]['calls'])} | {figures.best(cold, 'cpu'):.1f} "
            f"| {figures.best(cold, 'answered'):.1f} | {peak(samples[name]):.1f} "
            f"| {size['binary'] / 1e6:.2f} | {size['zip'] / 1e6:.2f} |"
        )
    return rows


def warm_table(samples, names):
    rows = ["| a push, warm | AWS calls | beyond the endpoint's work, median, ms | CPU, best, ms |", "|---|--:|--:|--:|"]
    for name in names:
        again = figures.warm(samples[name], PUSH)
        if again and again[0]["calls"]:
            rows.append(
                f"| {TITLES[name]} | {len(again[0]['calls'])} | {figures.own(again):.1f} | {figures.best(again, 'cpu'):.1f} |"
            )
    return rows


def calls_table(samples):
    rows = ["| who | event | AWS calls, each with how often |", "|---|---|---|"]
    for name in [*figures.FUNCTIONS, "boto3", "ecs-deploy"]:
        seen = {}
        for sample in samples.get(name, []):
            if not sample["calls"]:
                continue
            kind = f"{sample['event']}, first" if sample["answered"] is not None else sample["event"]
            # What most invocations with such an event cost: others may end something older on their way.
            seen.setdefault(kind, Counter())[tuple(sample["calls"])] += 1
        for kind, variants in seen.items():
            calls = variants.most_common(1)[0][0]
            counted = [f"{operation} {many}" for operation, many in sorted(Counter(calls).items())]
            rows.append(f"| `{name}` | {kind} | {len(calls)}: {', '.join(counted)} |")
    return rows


def allocations(samples):
    """Allocations and bytes of one warm roll with the event of its end: both happen between two rolls."""
    totals = [sample["counted"] for sample in samples if sample["counted"]]
    last, before = totals[-1], totals[-3]
    return tuple(last[what] - before[what] for what in ["allocations", "allocated-bytes"])


def page(samples, roots, functions, rounds):
    """The part of docs/performance.md that is measured, and what the bars are held against."""
    names = [name for name in TITLES if name in samples]
    cpu = {name: figures.best(figures.cold(samples[name]), "cpu") for name in names}
    values = {name: cpu["deploy"] / cpu[name] for name in ["defaults", "boto3"] if name in cpu}
    values["peak"] = max(peak(samples[name]) for name in figures.FUNCTIONS)
    values["zip"] = max(figures.sizes(functions / name)["zip"] for name in figures.FUNCTIONS)
    endpoint = [sample["endpoint"] / len(sample["calls"]) for sample in samples["deploy"] if sample["calls"]]
    count, size = allocations(samples["counted"])
    bars = held(values)
    lines = [
        f"Machine: {machine(roots)}. {rounds} starts of each, in turns. The endpoint worked "
        f"{sorted(endpoint)[len(endpoint) // 2]:.2f} ms on a call (median).",
        "",
        "### Cold start, the same push",
        "",
        *cold_table(samples, names),
        "",
        "### All four functions",
        "",
        *function_table(samples, functions),
        "",
        "### Warm",
        "",
        *warm_table(samples, names),
        "",
        f"A roll and the event of its end make {count} allocations of {size / 1024:.0f} KiB in all in a warm `deploy`.",
        "",
        "### AWS calls",
        "",
        *calls_table(samples),
        "",
        "### Bars",
        "",
        "| bar | most | measured | |",
        "|---|--:|--:|---|",
    ]
    for name, (value, limit, ok) in bars.items():
        lines.append(f"| {BARS[name][0]} | {shown(limit)} | {shown(value)} | {'met' if ok else '**not met**'} |")
    return lines, bars


def shown(number):
    if number < 1:
        return f"1/{1 / number:.1f}"
    return f"{number:.1f}" if number < 1000 else f"{number:,.0f}"


def write(lines):
    text = PAGE.read_text()
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    PAGE.write_text(head + BEGIN + "\n\n" + "\n".join(lines) + "\n\n" + END + tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", type=Path, required=True, help="folder of the release binaries")
    parser.add_argument("--bench", type=Path, required=True, help="the bench binary")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--dry", action="store_true", help="print, and leave docs/performance.md as it is")
    options = parser.parse_args()
    functions, bench = options.functions.resolve(), options.bench.resolve()
    work = functions.parent / "bench"
    others = twins(work)
    subjects = [figures.subject(name, name, functions / name, again=3) for name in figures.FUNCTIONS]
    subjects += [figures.subject(name, "deploy", binary, again=3) for name, binary in others.items()]
    subjects += [figures.subject("floor", "deploy", functions / "floor"), command()]
    subjects += [figures.subject("counted", "deploy", bench, again=3)]
    roots, samples = figures.measure(bench, work, ROOT / "template.yaml", options.rounds, subjects)
    lines, bars = page(samples, roots, functions, options.rounds)
    print("\n".join(lines))
    if not options.dry:
        write(lines)
    missed = [name for name, (_, _, ok) in bars.items() if not ok]
    for name in missed:
        print(f"NOT MET  {BARS[name][0]}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
