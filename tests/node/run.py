"""Serves script.llmock and runs clients.mjs against it, with the Node that npm installed beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mockllm import MockServer

HERE = Path(__file__).parent

with MockServer(HERE / "script.llmock") as server:
    node = HERE / "node_modules" / ".bin" / "node"
    command = [str(node), str(HERE / "clients.mjs"), server.base_url, *sys.argv[1:]]
    sys.exit(subprocess.run(command, check=False).returncode)
