"""Starts MiniStack, an emulator of AWS that nobody here wrote, on loopback and without Docker."""

import os
import socket
import subprocess
import time
from contextlib import contextmanager

from stack import ROOT

PROGRAM = ROOT / ".venv-judges/bin/ministack"


@contextmanager
def running():
    """Runs MiniStack and gives its endpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # It binds all addresses by default, and looks for Docker.
    environment = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": "tcp://127.0.0.1:1",
        "LOG_LEVEL": "ERROR",
    }
    process = subprocess.Popen([PROGRAM], env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(150):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert process.poll() is None, "MiniStack ended at once"
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
