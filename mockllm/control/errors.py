"""What the control API refuses, and how it says so."""

from __future__ import annotations

from typing import Any

from dsl import Diagnostic
from mockllm.apis.errors import ApiError
from mockllm.control.positions import diagnostic_json
from mockllm.transports.frames import Headers


class ControlError(ApiError):
    """An error of the control API, in the envelope of the mocked one.

    Attributes:
        diagnostics: what is wrong with a script, as JSON values; None if it is not about one.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        param: str | None = None,
        diagnostics: list[dict[str, Any]] | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(status, message, param=param, code=code, headers=headers)
        self.diagnostics = diagnostics

    @property
    def envelope(self) -> dict[str, Any]:
        told = super().envelope
        if self.diagnostics is not None:
            told["error"]["diagnostics"] = self.diagnostics
        return told


def bad_request(message: str, param: str | None = None) -> ControlError:
    return ControlError(400, message, "bad_request", param)


def no_such(what: str, param: str) -> ControlError:
    """There is no such thing; `what` is what, as in "mock `hello`"."""
    return ControlError(404, f"There is no {what}.", "not_found", param)


def conflict(message: str) -> ControlError:
    return ControlError(409, message, "conflict")


def bad_script(found: list[Diagnostic], name: str) -> ControlError:
    """A script has errors, so that nothing was done. `name` is how its own text is called in them."""
    errors = sum(each.is_error for each in found)
    counted = "an error" if errors == 1 else f"{errors} errors"
    told = [diagnostic_json(each, name) for each in found]
    return ControlError(422, f"The script has {counted}.", "bad_script", "script", told)
