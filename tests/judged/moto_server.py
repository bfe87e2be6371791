"""Starts moto on loopback: PORT CLOCK. Moto reads the machine's clock; here its RDS reads the file CLOCK instead, so that the
test's days pass for snapshots as well. Nothing else of moto is changed."""

import sys
from datetime import datetime
from pathlib import Path

import moto.rds.models
from moto.server import main

port, clock = sys.argv[1], Path(sys.argv[2])
moto.rds.models.utcnow = lambda: datetime.fromisoformat(clock.read_text())
main(["-H", "127.0.0.1", "-p", port])
