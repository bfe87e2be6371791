"""Looks at a built function before it is packed: is it what Lambda takes, and does it keep the build machine to itself?"""

import re

# Amazon Linux 2023, which `provided.al2023` is made of. A symbol of a later glibc stops the function at its start.
GLIBC = (2, 34)

_MACHINES = {62: "x86_64", 183: "arm64"}


def architecture(binary):
    """The instruction set of an ELF file as Lambda names it, or None."""
    if binary[:6] != b"\x7fELF\x02\x01":
        return None
    return _MACHINES.get(int.from_bytes(binary[18:20], "little"))


def glibc(binary):
    """The highest version of glibc that a symbol of the binary asks for, or None."""
    versions = re.findall(rb"GLIBC_(\d+)\.(\d+)", binary)
    return max(((int(major), int(minor)) for major, minor in versions), default=None)


def problems(binary, expected, private):
    """What speaks against shipping `binary` as one for `expected`; `private` are folders that nobody need know of."""
    found = []
    if architecture(binary) != expected:
        found.append(f"is for {architecture(binary) or 'no machine that Lambda has'}, not for {expected}")
    highest = glibc(binary)
    if highest is not None and highest > GLIBC:
        found.append(f"needs GLIBC_{highest[0]}.{highest[1]}, and Lambda has {GLIBC[0]}.{GLIBC[1]}")
    for folder in private:
        at = binary.find(folder.encode())
        if at >= 0:
            whole = re.match(rb"[\x21-\x7e]+", binary[at:]).group().decode()
            found.append(f"names a folder of the build machine: {whole[:120]}")
    return found
