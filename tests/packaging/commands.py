"""The commands that the pages tell people to run."""

import re

from conftest import ROOT

PAGES = [ROOT / "packaging/README.md", ROOT / "packaging/stackset/README.md"]


def blocks(page):
    """Each block of shell in a page, as it is written."""
    return re.findall(r"(?s)```sh\n(.*?)```", page.read_text())
