"""The numbers for Prometheus."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mockllm import metrics
from mockllm.control.prometheus import as_text
from mockllm.journal import Entry
from mockllm.metrics import Metrics
from tests.control.serving import SCRIPT, in_memory, say, serving


def samples(text: str) -> dict[tuple[str, ...], float]:
    """The samples, by their names and the values of their labels in the order of the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted() -> None:
    broken = SCRIPT + '\nwhen user is "cut" {\n    chunk "Hel"\n    cut\n}\n'
    with serving(in_memory(broken)) as client:
        say(client, "hello")
        say(client, "hello")
        say(client, "slow")
        say(client, "nothing")
        say(client, "broken")
        with pytest.raises(httpx.RemoteProtocolError):
            say(client, "cut")
        answer = client.get("/-/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        found = samples(answer.text)
    # endpoint, mock, outcome, rule, status, transport
    assert found["mockllm_requests_total", "chat", "", "complete", "hello", "200", "json"] == 2
    assert found["mockllm_requests_total", "chat", "", "complete", "", "404", "json"] == 1
    assert found["mockllm_misses_total", ""] == 1
    assert found["mockllm_faults_total", "fail", "", "broken"] == 1
    assert [value for key, value in found.items() if key[:2] == ("mockllm_faults_total", "cut")] == [1]
    assert found["mockllm_open_answers",] == 0
    assert found["mockllm_answer_seconds_count",] == 6
    assert found["mockllm_answer_seconds_bucket", "+Inf"] == 6
    assert found["mockllm_lateness_seconds_count",] == 4  # a miss was not planned, and the cut one was not whole


def test_an_error_amid_a_stream_is_a_fault() -> None:
    script = 'rule amid otherwise {\n    chunk "a"\n    fail 500 "Oh."\n}\n'
    with serving(in_memory(script)) as client:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
        assert client.post("/v1/chat/completions", json=body).status_code == 200
        assert samples(client.get("/-/metrics").text)["mockllm_faults_total", "fail", "", "amid"] == 1
        (entry,) = client.get("/-/journal").json()["entries"]
        assert (entry["status"], entry["outcome"], entry["fails"]) == (200, "complete", True)


def test_faults_that_were_not_played_do_not_count() -> None:
    found = Metrics()
    found.ended(Entry(1, "", "POST", "/", fails=True, outcome="left"))
    found.ended(Entry(2, "", "POST", "/", fails=True, outcome="complete"))
    assert found.faults == {("", "", "fail"): 1}


def test_answers_under_way() -> None:
    with serving(in_memory('otherwise {\n    chunk "a"\n    hang\n}\n')) as client:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
        with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines = answer.iter_lines()
            assert "data: " in next(lines)
            with httpx.Client(base_url=client.base_url, trust_env=False) as other:
                assert samples(other.get("/-/metrics").text)["mockllm_open_answers",] == 1


def test_lateness_is_counted_by_the_clock_of_the_server() -> None:
    found = Metrics(speed=10.0)
    found.ended(Entry(1, "", "POST", "/", planned=1.0, took=0.14, outcome="complete"))
    found.ended(Entry(2, "", "POST", "/", planned=1.0, took=0.5, outcome="left"))
    found.ended(Entry(3, "", "POST", "/", planned=1.0, took=0.09999, outcome="complete"))
    told = samples(as_text(found).decode())
    assert told["mockllm_lateness_seconds_sum",] == pytest.approx(0.04)
    assert told["mockllm_lateness_seconds_bucket", "0.025"] == 1
    assert told["mockllm_lateness_seconds_bucket", "0.05"] == 2


def test_there_are_not_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_ROWS", 2)
    found = Metrics()
    for number in range(5):
        found.ended(Entry(number, "", "POST", "/", rule=f"rule-{number}", outcome="complete"))
    assert sorted((row.rule, count) for row, count in found.answers.items()) == [
        ("(others)", 3),
        ("rule-0", 1),
        ("rule-1", 1),
    ]
