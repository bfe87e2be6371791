"""Writes the licences and notices of the crates that are linked into the functions, each text once."""

import re

FILE = "THIRD-PARTY.txt"
_HEAD = """Third-party software in the functions of Steward

The binaries contain the crates below, and the standard library of Rust (MIT OR Apache-2.0). Each licence text and notice follows
with the crates that came with it.
"""
_NAMES = re.compile(r"(?i)(licen[cs]e|copying|copyright|notice|unlicense)")


def _texts(crate):
    """The licence and notice files of a crate, without the differences that do not matter."""
    for path in sorted(crate.folder.iterdir()):
        if path.is_file() and _NAMES.match(path.name) and path.suffix.lower() not in {".rs", ".toml", ".html"}:
            lines = path.read_text(errors="replace").replace("\r\n", "\n").strip("\n").split("\n")
            yield "\n".join(line.rstrip() for line in lines)


def page(crates):
    """The whole page, for the linked crates among `crates` that came from a registry."""
    linked = [crate for crate in crates if crate.linked and crate.checksum]
    width = max(len(f"{crate.name} {crate.version}") for crate in linked)
    lines = [_HEAD]
    # A crate without a file of its own has its licence named here, and its text stands below for others.
    lines += [f"{crate.name + ' ' + crate.version:{width}}  {crate.license}" for crate in linked]
    holders = {}
    for crate in linked:
        for text in dict.fromkeys(_texts(crate)):
            holders.setdefault(text, []).append(f"{crate.name} {crate.version}")
    for text, names in sorted(holders.items(), key=lambda pair: (pair[1], pair[0])):
        lines += ["", "-" * 100, ", ".join(names), "", text]
    return "\n".join(lines) + "\n"
