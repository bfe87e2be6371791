"""`make bench-check`: sizes of the release binaries, and their cold starts beside that of the floor, against what is committed.

A cold start is counted in CPU time, the best of many, and as a multiple of what the floor needs in the same minute: a busy or
slow machine is busy and slow for both. Whoever makes the functions slower or larger on purpose runs it with --write.
"""

import argparse
import json
import sys
from pathlib import Path

import figures

HERE = Path(__file__).parent
ROUNDS = 10
# Growth that is let pass: sizes are exact and differ with compilers only; times are not exact.
SIZE_TOLERANCE = 1.04
COLD_TOLERANCE = 1.5


def observe(functions, bench, work):
    """What is compared: for each function its sizes and its cold start as a multiple of the floor's."""
    names = [*figures.FUNCTIONS, "floor"]
    subjects = [
        figures.subject(name, name if name in figures.FUNCTIONS else "deploy", functions / name) for name in names
    ]
    _, samples = figures.measure(bench, work, HERE.parent.parent / "template.yaml", ROUNDS, subjects)
    cpu = {name: figures.best(figures.cold(samples[name]), "cpu") for name in names}
    return {
        name: {**figures.sizes(functions / name), "cold": round(cpu[name] / cpu["floor"], 1)}
        for name in figures.FUNCTIONS
    }


def problems(observed, baseline):
    """What is worse than the baseline allows, one line each. A function that is on one side only is a problem too."""
    found = [f"{name}: only on one side" for name in sorted(observed.keys() ^ baseline.keys())]
    for name in sorted(observed.keys() & baseline.keys()):
        for what, tolerance in [("binary", SIZE_TOLERANCE), ("zip", SIZE_TOLERANCE), ("cold", COLD_TOLERANCE)]:
            now, most = observed[name][what], baseline[name][what] * tolerance
            if now > most:
                found.append(f"{name}: {what} is {now}, above {most:.1f} ({tolerance} x {baseline[name][what]})")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", type=Path, required=True, help="folder of the release binaries")
    parser.add_argument("--bench", type=Path, required=True, help="the bench binary")
    parser.add_argument("--baseline", type=Path, default=HERE / "baseline.json")
    parser.add_argument("--write", action="store_true", help="make what is seen now the baseline")
    options = parser.parse_args()
    observed = observe(options.functions.resolve(), options.bench.resolve(), options.functions.resolve().parent / "bench")
    if options.write:
        options.baseline.write_text(json.dumps(observed, indent=2) + "\n")
        return 0
    if not options.baseline.exists():
        print(f"{options.baseline} is missing: make baseline writes it", file=sys.stderr)
        return 1
    baseline = json.loads(options.baseline.read_text())
    for name, seen in observed.items():
        was = baseline.get(name, {})
        print(
            f"{name:<9} binary {seen['binary']:>9} (baseline {was.get('binary')}), zip {seen['zip']:>8} "
            f"({was.get('zip')}), cold start {seen['cold']:>5} x the floor ({was.get('cold')})"
        )
    found = problems(observed, baseline)
    for problem in found:
        print(f"WORSE  {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
