"""Packs the built functions: zips, the template over them, and what tells where all of it comes from.

    python packaging/package.py --binaries target/lambda --out dist [--merge other/dist ...]

The binaries are those of `cargo lambda build`: a folder for each function with a file `bootstrap`. What is in `dist` afterwards
follows from their bytes and from the sources alone. `--merge` takes in the zips of another architecture, packed elsewhere.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

import archive
import binary
import bom
import crates
import notices
import sam
import template

TEMPLATE = "steward.template.json"
SUMS = "SHA256SUMS"
# A cold start reads the whole zip.
LARGEST_ZIP = 3_500_000
_ZIP = re.compile(r"(?P<function>[a-z]+)-(?P<architecture>arm64|x86_64)-(?P<hash>[0-9a-f]{16})\.zip")


def private_folders():
    """Folders of this machine that no binary may name."""
    rustup = os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup"))
    cargo = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    return sorted({str(sam.ROOT), str(Path.home()), rustup, cargo})


def name_of(function, architecture, contents):
    """The name of a zip, which changes when what is in it does."""
    return f"{function}-{architecture}-{hashlib.sha256(contents).hexdigest()[:16]}.zip"


def pack(binaries, out, private, thorough=True, largest=None):
    """Zips each function below `binaries` into `out`. Says what is wrong with any of them before it writes the first.

    `largest` is the most bytes that a zip may have.
    """
    built = {}
    for function in sorted(sam.functions(sam.load()).values()):
        path = binaries / function / "bootstrap"
        if not path.is_file():
            sys.exit(f"{path} is missing: build the functions first")
        built[function] = path.read_bytes()
    architectures = {binary.architecture(data) for data in built.values()}
    if len(architectures) != 1 or None in architectures:
        sys.exit(f"{binaries} has binaries for {sorted(map(str, architectures))}: one architecture at a time")
    (architecture,) = architectures
    wrong = [f"{function} {problem}" for function, data in built.items() for problem in binary.problems(data, architecture, private)]
    if wrong:
        sys.exit("not packed:\n  " + "\n  ".join(wrong))
    for function, data in built.items():
        contents = archive.zip_of("bootstrap", data, thorough)
        if largest is not None and len(contents) > largest:
            sys.exit(f"the zip of {function} has {len(contents)} bytes, and {largest} are the most")
        (out / name_of(function, architecture, contents)).write_bytes(contents)
        print(f"{function:9} {architecture}  binary {len(data) / 1e6:.2f} MB  zip {len(contents) / 1e6:.2f} MB", flush=True)


def zips(out):
    """The zips in `out`: architecture -> function -> name. Sets of which one is incomplete are refused, and so is a wrong name."""
    found = {}
    for path in sorted(out.glob("*.zip")):
        match = _ZIP.fullmatch(path.name)
        if not match or hashlib.sha256(path.read_bytes()).hexdigest()[:16] != match["hash"]:
            sys.exit(f"{path} is not what its name says")
        if found.setdefault(match["architecture"], {}).setdefault(match["function"], path.name) != path.name:
            sys.exit(f"{out} has two zips of {match['function']} for {match['architecture']}")
    wanted = set(sam.functions(sam.load()).values())
    for architecture, names in found.items():
        if set(names) != wanted:
            sys.exit(f"of {sorted(wanted)} only {sorted(names)} are packed for {architecture}")
    return found


def papers(out):
    """Writes what goes with the zips in `out`: the template over them, the bill of materials, the licences."""
    packed = zips(out)
    if not packed:
        sys.exit(f"there is no zip in {out}")
    (out / TEMPLATE).write_text(template.text(template.packaged(packed, crates.version())))
    made_of = crates.crates(sorted(sam.functions(sam.load()).values()))
    contents = {path.name: path.read_bytes() for path in sorted(out.glob("*.zip"))}
    (out / bom.FILE).write_text(bom.text(bom.bill(made_of, contents, crates.version(), crates.rustc())))
    (out / notices.FILE).write_text(notices.page(made_of))
    shutil.copyfile(sam.ROOT / "LICENSE", out / "LICENSE")


def seal(out):
    """Writes the checksums of everything in `out`, in the form that `sha256sum --check` reads."""
    lines = []
    for path in sorted(out.iterdir()):
        if path.name != SUMS:
            lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    (out / SUMS).write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--merge", type=Path, nargs="*", default=[])
    parser.add_argument("--quick", action="store_true", help="pack in seconds, 3 %% larger; not for a release")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for stale in [*given.out.glob("*.zip"), given.out / SUMS]:
        stale.unlink(missing_ok=True)
    if given.binaries:
        pack(given.binaries, given.out, private_folders(), thorough=not given.quick, largest=None if given.quick else LARGEST_ZIP)
    for other in given.merge:
        for path in sorted(other.glob("*.zip")):
            shutil.copyfile(path, given.out / path.name)
    papers(given.out)
    seal(given.out)


if __name__ == "__main__":
    main()
