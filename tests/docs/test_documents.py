"""What the documents show is true: their scripts compile, the README's session is what really happens."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pytest

from dsl import ScriptError, compile_text
from dsl.diagnostics import as_text
from dsl.formatting.formatter import format_text
from dsl.testing.runner import run_all
from mockllm import MockServer

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def scripts(documents: Iterable[Path]) -> Iterator[object]:
    for path in documents:
        for number, script in enumerate(blocks(path.read_text(), "llmock"), 1):
            yield pytest.param(script, id=f"{path.name}-{number}")


@pytest.mark.parametrize("script", list(scripts(DOCUMENTS)))
def test_a_script_in_the_documents_compiles_without_warnings(script: str) -> None:
    assert compile_text(script).warnings == ()


@pytest.mark.parametrize("script", list(scripts(DOCUMENTS)))
def test_the_tests_of_a_script_in_the_documents_pass(script: str) -> None:
    assert [result.failure.text for result in run_all(compile_text(script)) if result.failure] == []


@pytest.mark.parametrize("script", list(scripts(DOCUMENTS)))
def test_a_script_in_the_documents_is_laid_out_as_the_formatter_does(script: str) -> None:
    assert format_text(script) == script


def test_the_cheat_sheet_is_a_page() -> None:
    assert len((ROOT / "docs" / "cheat-sheet.md").read_text().splitlines()) <= 160


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text())
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def anchors(path: Path) -> set[str]:
    """What links to headings of the document are called, as GitHub calls them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_to_headings_lead_to_one(path: Path) -> None:
    links = re.findall(r"\]\(([^)#]*)#([^)]+)\)", path.read_text())
    own = [(path.parent / file if file else path, anchor) for file, anchor in links if "://" not in file]
    assert [(to.name, anchor) for to, anchor in own if anchor not in anchors(to)] == []


@pytest.fixture(scope="module")
def hello() -> str:
    return blocks(README, "llmock")[0]


def test_the_client_of_the_readme_prints_what_it_says(hello: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCKLLM_TOKENS", "estimate")
    client, _ = blocks(README, "python")
    with MockServer(hello) as server:
        source = client.replace("http://127.0.0.1:8000/v1", server.base_url)
        ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert ran.stdout == blocks(README, "text")[0].rstrip("\n")


def test_the_test_of_the_readme_runs() -> None:
    _, test = blocks(README, "python")
    subprocess.run([sys.executable, "-c", test], check=True)


def test_the_miss_of_the_readme(hello: str) -> None:
    rules, _, _ = hello.rpartition("otherwise")
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "good day"}]}
    with MockServer(rules) as server:
        answer = httpx.post(f"{server.base_url}/chat/completions", json=body)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].replace("script:", "hello.llmock:") in README


def test_the_mistake_of_the_readme() -> None:
    shown = blocks(README, "text")[3]
    mistake = re.search(r"^1 \| (.*)$", shown, re.MULTILINE)
    assert mistake is not None
    with pytest.raises(ScriptError) as error:
        compile_text(mistake[1], "hello.llmock")
    assert as_text(error.value.diagnostics[0]) == shown.rstrip("\n")


def test_the_first_command_of_the_readme_serves() -> None:
    command = blocks(README, "sh")[0].split()
    assert command == ["scripts/serve"]
    process = subprocess.Popen(
        [*command, "examples/quickstart.llmock", "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = re.search(r"http://\S+", process.stdout.readline())
        assert url is not None
        assert httpx.get(f"{url[0]}/models").json()["object"] == "list"
    finally:
        process.terminate()
        process.wait()
        process.stdout.close() if process.stdout else None
