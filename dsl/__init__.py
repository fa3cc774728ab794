"""The `.llmock` language: from a script's text to a rule table, and from a request to a timeline.

`compile_script` and `compile_text` give a `Script`; its `table` tells which rule answers a `Request`, and
`Script.perform` what that rule says. Nothing here knows HTTP.

All is imported when it is first used: a script that is kept compiled is served without what compiles.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dsl.compiler import check, compile_script, compile_text
    from dsl.diagnostics import Diagnostic, ScriptError
    from dsl.faults import compile_fault
    from dsl.script import Script

__all__ = ["Diagnostic", "Script", "ScriptError", "check", "compile_fault", "compile_script", "compile_text"]

_WHERE = {
    "Diagnostic": "dsl.diagnostics",
    "Script": "dsl.script",
    "ScriptError": "dsl.diagnostics",
    "check": "dsl.compiler",
    "compile_fault": "dsl.faults",
    "compile_script": "dsl.compiler",
    "compile_text": "dsl.compiler",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_WHERE[name]), name)
    return found
