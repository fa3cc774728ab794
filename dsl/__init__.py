"""The `.llmock` language: from a script's text to a rule table, and from a request to a timeline.

`compile_script` and `compile_text` give a `Script`; its `table` tells which rule answers a `Request`, and
`Script.perform` what that rule says. Nothing here knows HTTP.
"""

from dsl.compiler import Script, check, compile_script, compile_text
from dsl.diagnostics import Diagnostic, ScriptError
from dsl.faults import compile_fault

__all__ = ["Diagnostic", "Script", "ScriptError", "check", "compile_fault", "compile_script", "compile_text"]
