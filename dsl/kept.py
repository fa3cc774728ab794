"""Compiled scripts that are kept between runs, so that the next start need not compile them again.

An entry belongs to one script, as it was called, and is good as long as all that it was made from is the same to
the byte: the script, what it includes, its data, and the code of this package. It is a file that nobody but the
user can write to, in such a folder: what is read from it is unpickled, which runs whatever stands in it.

A script may have so many rules that to make them all would take most of a start. So they are kept in groups, each
of which is made when the first of its rules is asked for. What rules have in common (sources, scenarios, bodies of
a `for each`) is kept once, beside the groups.

Nothing that goes wrong here is an error: a script that cannot be kept, or is no longer good, is compiled.
"""

from __future__ import annotations

import hashlib
import io
import marshal
import os
import pickle
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, overload

import msgspec

from dsl import nodes
from dsl.cache_folder import cache_folder, is_own
from dsl.looks import Looks, decoded
from dsl.records import parts
from dsl.scenarios import Scenario
from dsl.script import Script
from dsl.source import Source
from dsl.table import Rule, RuleTable

_DIGEST = hashlib.sha256().digest_size  # bytes before an entry, which tell whether it is whole
LARGEST_CACHE = 512 * 1024 * 1024  # bytes of all entries together
MOST_ENTRIES = 200

# Rules that are made together: few enough to be made while a client waits.
_GROUP = 64
# What unpickling and reading can raise at entries that are damaged, or were made by another version.
_DAMAGED = (
    OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, ImportError, MemoryError,
    pickle.UnpicklingError, RecursionError,
)  # fmt: skip


def load(path: Path) -> Script | None:
    """The script in a file as it was kept, or None if it is not kept as it is now."""
    looks = Looks()
    try:
        looks.at(path.absolute())
        entry = _entry(path, looks.read(path.absolute()))
        if entry is None or not is_own(entry):
            return None
        data = memoryview(entry.read_bytes())
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            return None  # said now: the groups of rules are made when clients wait for them
        known, named, pool, own = marshal.loads(data[_DIGEST:])
        texts = _unchanged(known, looks)
        if texts is None:
            return None
        os.utime(entry)  # what was used last is dropped last
        sources = [Source(name, inline if file is None else decoded(texts[file])) for name, file, inline in named]
        script: Script = _Reader(own, sources, _Reader(pool, sources, ()).load()).load()
        script.looks = looks
        return script
    except _DAMAGED:
        return None


def keep(script: Script, path: Path) -> None:
    """Keep a script that was compiled from a file, unless something is in the way, or has changed meanwhile."""
    with suppress(*_DAMAGED, pickle.PicklingError):
        known = [(str(name), str(look.target), look.digest) for name, look in script.looks.by_name.items()]
        looks = Looks()
        texts = _unchanged(known, looks) if script.looks.steady else None
        own_text = None if texts is None else texts.get(str(path.absolute()))
        entry = None if own_text is None else _entry(path, own_text)
        if texts is None or entry is None:
            return
        files = {decoded(data): name for name, data in texts.items() if name.endswith(path.suffix)}
        sources, pool, own = _Writer(script).script(script)
        named = [(each.name, files.get(each.text), "" if each.text in files else each.text) for each in sources]
        data = marshal.dumps((known, named, pool, own))
        _write(entry, hashlib.sha256(data).digest() + data)


# -- the folder -----------------------------------------------------------------------------------------------


def _entry(path: Path, text: bytes) -> Path | None:
    """The file in which a script is kept."""
    kept = cache_folder("scripts")
    if kept is None:
        return None
    what = (_code(), str(path), str(path.resolve()), text, os.environ.get("MOCKLLM_TOKENS", ""))
    return kept / hashlib.sha256(repr(what).encode()).hexdigest()


@cache
def _code() -> str:
    """What tells this package, and all that it pickles, from others."""
    own = sorted(Path(__file__).parent.rglob("*.py"))
    seen = [(str(file), found.st_size, found.st_mtime_ns) for file in own for found in [file.stat()]]
    return repr((sys.version, msgspec.__version__, _GROUP, seen))


def _write(entry: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=entry.parent, prefix=".")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, entry)
    except OSError:
        with suppress(OSError):
            os.unlink(name)
        raise
    _make_room(entry.parent)


def _make_room(kept: Path) -> None:
    """Drop the entries that were not used for the longest time, if there are too many, or too large together."""
    entries = sorted(((found.stat(), found) for found in kept.iterdir()), key=lambda each: -each[0].st_mtime)
    size = 0
    for number, (found, entry) in enumerate(entries, 1):
        size += found.st_size
        if size > LARGEST_CACHE or number > MOST_ENTRIES:
            with suppress(OSError):
                entry.unlink()


def _unchanged(known: Sequence[tuple[str, str, str | None]], looks: Looks) -> dict[str, bytes] | None:
    """What is in the files that a script was made from, if they are what they were then: that is looked at."""
    found: dict[str, bytes] = {}
    for name, target, digest in known:
        if str(looks.at(Path(name))) != target:
            return None
        if digest is not None:
            found[name] = looks.read(Path(name))
            if looks.by_name[Path(name)].digest != digest:
                return None
    return found if looks.steady else None


# -- what is in an entry --------------------------------------------------------------------------------------


# How things are pickled, by their class.
_Ways = dict[type, Callable[[Any], Any]]


class _Writer:
    """Writes the parts of an entry, and gathers what they have in common: each has a number there.

    Nodes are most of what there is. In rules that are made of rows they are common, and those of the script's own
    rules are written with these alone.
    """

    def __init__(self, script: Script) -> None:
        self.sources: list[Source] = []
        self.pool: list[Any] = []
        self._numbers: dict[int, int] = {}  # by identity, of what is in one of the two lists
        tables = [script.table, *(socket.table for socket in script.sockets.values())]
        bodies = Counter(id(rule.body) for table in tables for rule in table.rules if rule.turn)
        self._shared = {body for body, times in bodies.items() if times > 1}
        self._places = {id(rule.node): place for place, rule in enumerate(script.table.rules)}
        self._plain: _Ways = {
            Source: self._source, RuleTable: self._table, Script: self._script,
            Scenario: self._scenario, _Later: lambda later: (_later, (later.data,)),
        }  # fmt: skip
        common = dict.fromkeys(_subclasses(nodes.Node), self._common_node)
        self._in_rows: _Ways = {**self._plain, **common, Rule: self._row}
        self._in_pool: _Ways = {**self._plain, Scenario: _as_record}
        self._in_items: _Ways = {**self._plain, nodes.Rule: self._written_rule}

    def script(self, script: Script) -> tuple[list[Source], bytes, bytes]:
        """The sources, what is common, and the script."""
        own = _pickled(script, self._plain)
        pool = _pickled(self.pool, self._in_pool)  # last: the other parts have filled it
        return self.sources, pool, own

    def _number(self, part: Any, among: list[Any]) -> int:
        number = self._numbers.get(id(part))
        if number is None:
            number = self._numbers[id(part)] = len(among)
            among.append(part)
        return number

    def _source(self, source: Source) -> Any:
        return _source, (self._number(source, self.sources),)

    def _common_node(self, node: nodes.Node) -> Any:
        return _common, (self._number(node, self.pool),)

    def _written_rule(self, node: nodes.Rule) -> Any:
        place = self._places.get(id(node))  # a rule of a socket, or of no rows, has none
        return node.__reduce__() if place is None else (_written, (place,))

    def _scenario(self, scenario: Scenario) -> Any:
        return _common, (self._number(scenario, self.pool),)

    def _row(self, rule: Rule) -> Any:
        values = parts(rule)
        if id(rule.body) in self._shared:
            values[_BODY] = self._number(rule.body, self.pool)
        return _row, tuple(values)

    def _table(self, table: RuleTable) -> Any:
        rules = table.rules
        groups = [rules[start : start + _GROUP] for start in range(0, len(rules), _GROUP)]
        rows = any(rule.turn for rule in rules)
        written = [_pickled(tuple(group), self._in_rows if rows else self._plain) for group in groups]
        return _table, (len(rules), written), {name: part for name, part in vars(table).items() if name != "rules"}

    def _script(self, script: Script) -> Any:
        later = _Later(_pickled((script.items, script.tests), self._in_items))
        state = {name: part for name, part in vars(script).items() if name not in ("items", "tests", "looks")}
        return _script, (), {**state, "_later": later}


class _Later(NamedTuple):
    """What is made when it is asked for, of the rules of the script's table."""

    data: bytes


_BODY = Rule.__struct_fields__.index("body")


def _subclasses(kind: type) -> set[type]:
    return {kind}.union(*map(_subclasses, kind.__subclasses__()))


def _as_record(record: Any) -> Any:
    return type(record), tuple(parts(record))


def _pickled(part: Any, ways: _Ways) -> bytes:
    file = io.BytesIO()
    pickler = pickle.Pickler(file, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = ways
    pickler.dump(part)
    return file.getvalue()


class _Reader(pickle.Unpickler):
    """Makes one part of an entry, from what all have in common. The functions below stand for its methods."""

    def __init__(
        self, data: bytes, sources: Sequence[Source], pool: Sequence[Any], rules: Sequence[Rule] = ()
    ) -> None:
        super().__init__(io.BytesIO(data))
        self._sources = sources
        self._pool = pool
        self._rules = rules

    def find_class(self, module: str, name: str) -> Any:
        return getattr(self, f"make{name}") if module == __name__ else super().find_class(module, name)

    def make_source(self, number: int) -> Source:
        return self._sources[number]

    def make_written(self, place: int) -> nodes.Rule:
        return self._rules[place].node

    def make_common(self, number: int) -> Any:
        return self._pool[number]

    def make_row(self, *values: Any) -> Rule:
        body = values[_BODY]
        if isinstance(body, int):
            values = (*values[:_BODY], self._pool[body], *values[_BODY + 1 :])
        return Rule(*values)

    def make_table(self, count: int, groups: list[bytes]) -> RuleTable:
        sources, pool = self._sources, self._pool
        return RuleTable(_Rules(count, groups, lambda data: _Reader(data, sources, pool).load()))

    def make_later(self, data: bytes) -> Callable[[Sequence[Rule]], Any]:
        return lambda rules: _Reader(data, self._sources, self._pool, rules).load()

    def make_script(self) -> Script:
        return Script.__new__(Script)


class _Stand:
    """What stands in an entry for a method of the reader: it is pickled by its name."""

    def __init__(self, name: str) -> None:
        self.__qualname__ = name

    def __reduce__(self) -> str:
        return self.__qualname__

    def __call__(self, *values: Any) -> Any:
        raise TypeError("only a reader can make this")


_source, _common, _written = _Stand("_source"), _Stand("_common"), _Stand("_written")
_row, _table, _script, _later = _Stand("_row"), _Stand("_table"), _Stand("_script"), _Stand("_later")


class _Rules(Sequence[Rule]):
    """The rules of a table, made in groups."""

    def __init__(self, count: int, groups: list[bytes], make: Callable[[bytes], tuple[Rule, ...]]) -> None:
        self._count = count
        self._groups: list[bytes | tuple[Rule, ...]] = [*groups]
        self._make = make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Rule: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Rule]: ...
    def __getitem__(self, place: int | slice) -> Rule | Sequence[Rule]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(self._count)))
        if place < 0:
            place += self._count
        if not 0 <= place < self._count:
            raise IndexError(place)
        return self._group(place // _GROUP)[place % _GROUP]

    def __iter__(self) -> Iterator[Rule]:
        for number in range(len(self._groups)):
            yield from self._group(number)

    def _group(self, number: int) -> tuple[Rule, ...]:
        group = self._groups[number]
        if isinstance(group, bytes):
            group = self._groups[number] = self._make(group)
        return group
