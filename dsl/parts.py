"""The parts that a template reads of fields, captures and helpers, and which of them there can never be.

`{{ user.length }}` is how other languages put it: here a text has Python's methods and
Jinja's filters.
"""

from __future__ import annotations

from dsl import fields
from dsl.fields import Type
from dsl.helpers import HELPERS
from dsl.request import Messages

_TYPES: dict[Type, tuple[type, ...]] = {
    Type.TEXT: (str,), Type.NUMBER: (int, float), Type.FLAG: (bool,), Type.COLLECTION: (tuple,)
}  # fmt: skip
_FILTERS = {
    "length": "length", "len": "length", "size": "length", "count": "length", "toUpperCase": "upper",
    "uppercase": "upper", "toLowerCase": "lower", "lowercase": "lower", "trim": "trim", "toString": "string",
    "to_s": "string", "reverse": "reverse", "first": "first", "last": "last", "sort": "sort",
    "capitalized": "capitalize",
}  # fmt: skip
_EXPRESSIONS = {
    "includes": "'…' in {0}", "contains": "'…' in {0}", "startsWith": "{0}.startswith('…')",
    "endsWith": "{0}.endswith('…')", "slice": "{0}[0:5]", "substring": "{0}[0:5]", "substr": "{0}[0:5]",
    "charAt": "{0}[0]", "replaceAll": "{0} | replace('…', '…')", "indexOf": "{0}.find('…')",
}  # fmt: skip


def lacks(name: str, part: str, *, capture: bool, called: bool) -> tuple[str, str] | None:
    """Why what is called `name` never has this part, and what to write; None if it has, or may have.

    `capture` is set if it is a group of a regular expression, `called` if the part is.
    """
    if name in HELPERS and not capture:
        example = HELPERS["pick" if part in ("choice", "choices", "sample") else name].split(":", 1)[0]
        return f"`{name}` is a function, so it has no `{part}`", f"call it: {example}"
    field = fields.CATALOGUE.get(name)
    if name == "messages" and not capture:
        return _of_messages(part, called)
    type = Type.TEXT if capture or field is None else field.type
    kinds = _TYPES.get(type)
    found = [getattr(kind, part) for kind in kinds or () if hasattr(kind, part)]
    if kinds is None or (found and (called or not callable(found[0]))):
        return None
    if found:
        help = f"call it: `{{{{ {name}.{part}() }}}}`"
        return f"`{name}.{part}` is a method, and no text", help
    message = f"`{name}` is {type.value}, so it has no `{part}`"
    if part in _FILTERS and type in (Type.TEXT, Type.COLLECTION):
        return message, f"write `{{{{ {name} | {_FILTERS[part]} }}}}`"
    if part in _EXPRESSIONS and type is Type.TEXT:
        return message, f"write `{{{{ {_EXPRESSIONS[part].format(name)} }}}}`"
    return message, f"write `{{{{ {name} }}}}`"


def _of_messages(part: str, called: bool) -> tuple[str, str] | None:
    if hasattr(Messages, part) and (called or not callable(getattr(Messages, part))):
        return None
    help = "look at one of them, as in `messages[-1].text`"
    if part in _FILTERS:
        help = f"write `{{{{ messages | {_FILTERS[part]} }}}}`"
    return f"`messages` is a list, so it has no `{part}`", help
