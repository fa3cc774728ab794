"""Serves script.llmock and runs the API tests of openai-python's sources against it.

Prints how many pass of how many, by file, and what the others fail by. The exit status is 1 if one fails that
should not. Usage: run.py SOURCES PYTHON, the latter with what the tests need.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from mockllm import MockServer
from mockllm.settings import Settings

TESTS = "chat test_responses.py responses test_conversations.py conversations test_models.py".split()

# What must fail, as FILE::CLASS::TEST, and by what. docs/conformance.md has it at length.
EXPECTED = {
    "stored chat completions: not in the mock": (
        r"chat/completions/test_messages::.*test_(method|raw|streaming)"
        r"|chat/test_completions::.*_(retrieve|update|list|delete)\b|chat/test_completions::.*_list_with_all_params"
    ),
    "deleting a model: not in the mock": r"test_models::.*_delete",
    "no model: the API refuses it": (
        r"test_responses::.*test_(method|raw_response|streaming_response)_create_overload"
    ),
    "parameters that exclude each other or are out of range: the API refuses them": (
        r"test_(completions|responses)::.*create_with_all_params|test_input_tokens::.*count_with_all_params"
    ),
    "a page of no items: the API refuses it": r"test_(input_)?items::.*test_method_list_with_all_params",
    "what the user said, compacted: not in the SDK's types": r"test_responses::.*compact_with_all_params",
}


def main(sources: str, python: str) -> int:
    passed, failed = Counter[str](), list[tuple[str, str]]()
    for file, name, is_passed in results(sources, python):
        passed[file] += is_passed
        if not is_passed:
            failed.append((file, name))
    failures = Counter(file for file, _ in failed)
    for file in sorted(passed):
        print(f"{passed[file]:4} of {passed[file] + failures[file]:3}  {file}")
    print(f"{passed.total():4} of {passed.total() + len(failed):3}  in all\n")
    reasons = Counter(reason(f"{file}::{name}") for file, name in failed)
    for text, number in reasons.most_common():
        if text:
            print(f"{number:4}  {text}")
    unexpected = [f"{file}::{name}" for file, name in failed if not reason(f"{file}::{name}")]
    for each in unexpected:
        print(f"UNEXPECTED  {each}")
    return 1 if unexpected or not passed.total() else 0


def results(sources: str, python: str) -> list[tuple[str, str, bool]]:
    """Of each test its file, its name and whether it passed."""
    with (
        TemporaryDirectory() as folder,
        MockServer(Path(__file__).parent / "script.llmock", Settings(lenient_ids=True)) as server,
    ):
        report = Path(folder) / "report.xml"
        command = [python, "-m", "pytest", "-q", "-o", "addopts=", "-n", "auto", "--tb=no", "--no-summary"]
        command += [f"--junit-xml={report}", *(f"tests/api_resources/{each}" for each in TESTS)]
        environ = os.environ | {"TEST_API_BASE_URL": server.base_url.removesuffix("/v1")}
        subprocess.run(command, cwd=sources, env=environ, check=False)
        found = []
        for case in ElementTree.parse(report).iter("testcase"):
            module, _, group = case.get("classname", "").rpartition(".")
            file = module.removeprefix("tests.api_resources.").replace(".", "/")
            is_passed = case.find("failure") is None and case.find("error") is None
            found.append((file, f"{group}::{case.get('name')}", is_passed))
        return found


def reason(test: str) -> str:
    """Why a test fails as it should, or an empty text."""
    return next((text for text, pattern in EXPECTED.items() if re.search(pattern, test.partition("[")[0])), "")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
