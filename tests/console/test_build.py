"""What is in the package is what its sources give, wherever and whenever they are built."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from mockllm.console import BUILT
from tests.server.harness import CHECKOUT, tool


def test_the_built_console_is_that_of_its_sources(tmp_path: Path) -> None:
    sources, built = tmp_path / "console", tmp_path / "built"
    shutil.copytree(CHECKOUT / "console", sources, ignore=shutil.ignore_patterns("node_modules"))
    # As scripts/build-console does; the environment's own Node comes first.
    environ = os.environ | {"PATH": f"{Path(tool('node')).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in (["npm", "ci", "--no-audit", "--no-fund"], ["node", "build.mjs", str(built)]):
        subprocess.run(command, cwd=sources, env=environ, check=True, capture_output=True)
    assert contents(built) == contents(BUILT), "scripts/build-console has not been run since"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
