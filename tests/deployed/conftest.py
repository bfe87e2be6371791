"""These tests share the template's reader and MiniStack's start with tests/stack."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "stack"))
sys.dont_write_bytecode = True
