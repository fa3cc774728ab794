"""Results of tests as JUnit's XML, the form that CI systems read: a test suite for each script.

There is no standard; what is written here is what Jenkins, GitLab, GitHub's reporters and Azure all take.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as xml

from mockllm.commands.suite import Suite

# What XML 1.0 cannot hold, section 2.2.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def report(suites: Iterable[Suite]) -> str:
    """The document, with a final line feed."""
    root = xml.Element("testsuites", {"name": "mockllm"})
    total = [0, 0, 0]
    seconds = 0.0
    for suite in suites:
        failed = sum(not each.result.passed for each in suite.ran)
        broken = 1 if suite.errors else 0
        counts = len(suite.ran) + broken, failed, broken
        _count(_suite(root, suite), counts, suite.seconds)
        total = [sum(pair) for pair in zip(total, counts, strict=True)]
        seconds += suite.seconds
    _count(root, total, seconds)
    xml.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{xml.tostring(root, "unicode")}\n'


def _suite(root: xml.Element, suite: Suite) -> xml.Element:
    name = str(suite.path)
    element = xml.SubElement(root, "testsuite", {"name": name})
    if suite.errors:
        case = xml.SubElement(
            element, "testcase", {"name": "compile", "classname": name, "file": name, "time": "0"}
        )
        message = suite.errors[0].message
        error = xml.SubElement(case, "error", {"message": _clean(message), "type": "ScriptError"})
        error.text = _clean(suite.error_text)
    for each in suite.ran:
        test, failure = each.result.test, each.result.failure
        span = test.span
        about = {
            "classname": name,
            "file": span.source.name,
            "line": str(span.line),
            "time": f"{each.seconds:.6f}",
        }
        case = xml.SubElement(element, "testcase", {"name": _clean(test.name), **about})
        if failure is not None:
            found = xml.SubElement(case, "failure", {"message": _clean(failure.message), "type": "expect"})
            found.text = _clean(failure.text)
    return element


def _count(element: xml.Element, counts: Iterable[int], seconds: float) -> None:
    tests, failures, errors = counts
    element.set("tests", str(tests))
    element.set("failures", str(failures))
    element.set("errors", str(errors))
    element.set("time", f"{seconds:.6f}")


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
