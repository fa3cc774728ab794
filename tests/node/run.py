"""Runs the checks in JavaScript against mocks, with the Node that npm installed beside it.

The clients' checks (clients.mjs) come first, then what the SDK makes of every fault (faults.mjs), which must be
what the documents say; `--rewrite` writes it down instead. Other arguments go to clients.mjs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from mockllm import MockServer  # noqa: E402
from mockllm.app import create_app  # noqa: E402
from mockllm.server import Server  # noqa: E402
from mockllm.serving import load  # noqa: E402
from mockllm.settings import Settings  # noqa: E402
from tests.conformance import table  # noqa: E402
from tests.serving import in_thread  # noqa: E402

NODE = str(HERE / "node_modules" / ".bin" / "node")


def check_clients(arguments: list[str]) -> bool:
    with MockServer(HERE / "script.llmock") as server:
        command = [NODE, str(HERE / "clients.mjs"), server.base_url, *arguments]
        return subprocess.run(command, check=False).returncode == 0


def check_faults(rewrite: bool) -> bool:
    asked = [
        (fault.file, fault.name, column)
        for fault in table.faults()
        for column in table.COLUMNS[fault.file]
        if column in table.NODE
    ]
    server = Server(create_app(load(table.FAULTS, Settings(seed=1))))
    with in_thread(server):
        command = [NODE, str(HERE / "faults.mjs"), server.url, json.dumps(asked)]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    seen: dict[tuple[str, str], dict[str, str]] = {}
    for (file, name, column), text in zip(asked, told, strict=True):
        seen.setdefault((file, name), {})[column] = text
    if rewrite:
        table.record(seen)
    known = table.observed()
    wrong = 0
    for (file, name), columns in seen.items():
        for column, text in columns.items():
            expected = known.get(file, {}).get(name, {}).get(column)
            if text != expected:
                wrong += 1
                print(f"FAILED {file}, {name}, {column}: {text}; the documents say {expected}")
    print(f"{len(told) - wrong} of {len(told)} faults are as the documents say")
    return not wrong


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--rewrite"]
    rewrite = "--rewrite" in sys.argv[1:]
    passed = [check_clients(arguments), check_faults(rewrite)]
    sys.exit(0 if all(passed) else 1)
