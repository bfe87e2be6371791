"""The crates that the functions are made of, as cargo itself resolves them for what is shipped."""

import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import sam

TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]


@dataclass(frozen=True)
class Crate:
    """One crate at one version. `linked` tells those whose code is in a function from those that only run in the build."""

    name: str
    version: str
    license: str
    repository: str | None
    folder: Path
    checksum: str | None
    linked: bool
    needs: tuple = field(default=())

    @property
    def purl(self):
        return f"pkg:cargo/{self.name}@{self.version}"


def _cargo(*arguments):
    done = subprocess.run(["cargo", *arguments], cwd=sam.ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"cargo {' '.join(arguments)}\n{done.stderr}")
    return done.stdout


def _tree(functions, edges):
    """Name and version of all that `functions` need over `edges`, for each architecture that they are shipped for."""
    selection = [argument for function in functions for argument in ("-p", function)]
    targets = [argument for target in TARGETS for argument in ("--target", target)]
    lines = _cargo("tree", "--locked", *selection, "-e", edges, *targets, "--prefix", "none", "--format", "{p}").splitlines()
    return {tuple(re.match(r"(\S+) v(\S+)", line).groups()) for line in lines if line}


def _checksums():
    """Cargo.lock's SHA-256 of each crate of a registry."""
    found = {}
    for block in (sam.ROOT / "Cargo.lock").read_text().split("[[package]]")[1:]:
        fields = dict(re.findall(r'(?m)^(name|version|checksum) = "([^"]+)"', block))
        found[fields["name"], fields["version"]] = fields.get("checksum")
    return found


def version():
    """The version of the workspace, and so of a release."""
    (found,) = re.findall(r'(?m)^version = "([^"]+)"', (sam.ROOT / "Cargo.toml").read_text())
    return found


def rustc():
    """The version of the compiler that is used here."""
    done = subprocess.run(["rustc", "--version"], cwd=sam.ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def crates(functions):
    """Every crate that is in a function or takes part in its build, the functions themselves too, in order of name."""
    everything = _tree(functions, "normal,build")
    linked = _tree(functions, "normal,no-proc-macro")
    checksums = _checksums()
    metadata = json.loads(_cargo("metadata", "--locked", "--format-version", "1"))
    known = {package["id"]: (package["name"], package["version"]) for package in metadata["packages"]}
    needs = {
        known[node["id"]]: sorted(
            known[needed["pkg"]]
            for needed in node["deps"]
            if known[needed["pkg"]] in everything and any(kind["kind"] != "dev" for kind in needed["dep_kinds"])
        )
        for node in metadata["resolve"]["nodes"]
    }
    found = []
    for package in metadata["packages"]:
        key = (package["name"], package["version"])
        if key in everything:
            found.append(
                Crate(
                    name=package["name"],
                    version=package["version"],
                    # The old way to say "or".
                    license=re.sub(r"\s*/\s*", " OR ", package["license"] or "NOASSERTION"),
                    repository=package["repository"],
                    folder=Path(package["manifest_path"]).parent,
                    checksum=checksums.get(key),
                    linked=key in linked,
                    needs=tuple(f"pkg:cargo/{name}@{version}" for name, version in needs[key]),
                )
            )
    return sorted(found, key=lambda crate: (crate.name, crate.version))
