"""Writes the software bill of materials: CycloneDX 1.6, JSON, the same bytes for the same sources and zips."""

import hashlib
import json
import sys
import uuid
from pathlib import Path

import crates
import sam

FILE = "steward.cdx.json"


def _component(crate):
    component = {
        "type": "library",
        "bom-ref": crate.purl,
        "name": crate.name,
        "version": crate.version,
        # What runs in the build alone is listed, and marked as not being in the functions.
        "scope": "required" if crate.linked else "excluded",
        "licenses": [{"expression": crate.license}],
        "purl": crate.purl,
    }
    if crate.checksum:
        component["hashes"] = [{"alg": "SHA-256", "content": crate.checksum}]
    if crate.repository:
        component["externalReferences"] = [{"type": "vcs", "url": crate.repository}]
    return component


def bill(made_of, zips, version, rustc):
    """The bill as a dictionary.

    `made_of` are the crates; `zips` gives the contents of each zip by its name. `rustc` is the version of the compiler, whose standard library is in each
    binary too. There is no time in it, and its serial number follows from the rest.
    """
    std = {
        "type": "library",
        "bom-ref": f"rust-std@{rustc}",
        "name": "std",
        "version": rustc,
        "description": "The standard library of Rust, linked into each function",
        "scope": "required",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    }
    files = [
        {
            "type": "file",
            "bom-ref": name,
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(contents).hexdigest()}],
        }
        for name, contents in sorted(zips.items())
    ]
    root = f"steward@{version}"
    own = [crate for crate in made_of if crate.checksum is None]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "steward",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "components": files,
            }
        },
        "components": [_component(crate) for crate in made_of] + [std],
        "dependencies": [{"ref": root, "dependsOn": [*(crate.purl for crate in own), std["bom-ref"]]}]
        + [{"ref": crate.purl, "dependsOn": list(crate.needs)} for crate in made_of],
    }
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}"
    return document


def text(document):
    return json.dumps(document, indent=1) + "\n"


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: bom.py <file>")
    made_of = crates.crates(sorted(sam.functions(sam.load()).values()))
    Path(sys.argv[1]).write_text(text(bill(made_of, {}, crates.version(), crates.rustc())))


if __name__ == "__main__":
    main()
