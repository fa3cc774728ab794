"""The numbers of a server in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE

from mockllm.metrics import Histogram, Metrics, Row

__all__ = ["CONTENT_TYPE", "as_text"]


def as_text(metrics: Metrics) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collector(metrics))
    return generate_latest(registry)


class _Collector:
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        metrics = self._metrics
        answers, misses = metrics.answers, metrics.misses
        yield _counter("mockllm_requests", "Requests that were answered.", Row._fields, answers.items())
        told = (((mock,), count) for mock, count in misses.items())
        yield _counter("mockllm_misses", "Requests that no rule answered.", ("mock",), told)
        labels = ("mock", "rule", "fault")
        yield _counter("mockllm_faults", "Faults that scripts have played.", labels, metrics.faults.items())
        yield GaugeMetricFamily("mockllm_open_answers", "Answers that go on.", metrics.open)
        yield _histogram("mockllm_answer_seconds", "How long answers took.", metrics.durations)
        yield _histogram("mockllm_lateness_seconds", "How late whole answers were over.", metrics.lateness)


def _counter(
    name: str, help: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], int]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help, labels=labels)
    for row, count in rows:
        family.add_metric(row, count)
    return family


def _histogram(name: str, help: str, values: Histogram) -> HistogramMetricFamily:
    bounds = [*map(str, values.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(values.counts), strict=True))
    family = HistogramMetricFamily(name, help)
    family.add_metric((), buckets, values.total)
    return family
