"""A small language to choose pairs by what is known of them. It is read by a parser of its own; nothing is evaluated.

::

    blur_px_p95 < 25                        numbers: < <= > >= == !=
    5 <= blur_px_p95 < 25                   chains, as in mathematics
    split == 'train' and not clipped        text in quotes, and | or | not, parentheses, true | false
    sequence in ['a', 'b']                  membership: in, not in
    key ~ 'GOPR0384_*/*'                    glob patterns

``key`` is the pair's key; other names are fields of its meta data. A comparison with a field that a pair lacks is false.
"""

import fnmatch
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from blurdata.errors import SourceError, did_you_mean

Test = Callable[[Mapping[str, Any]], Any]
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<text>'[^']*'|"[^"]*")"""
    r"""|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)|(?P<sign><=|>=|==|!=|[<>~()\[\],]))"""
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "~": lambda value, pattern: isinstance(value, str) and isinstance(pattern, str) and fnmatch.fnmatchcase(value, pattern),
    "in": lambda value, items: value in items,
    "not in": lambda value, items: value not in items,
}
_MISSING = object()
_MAX_LENGTH, _MAX_DEPTH = 4000, 32


@dataclass(frozen=True)
class Where:
    """A condition on a pair's key and meta data.

    Example:
        >>> where = parse_where("5 <= blur_px_p95 < 25 and split == 'train'")
        >>> where({"blur_px_p95": 12.5, "split": "train"}), where({"blur_px_p95": 30, "split": "train"})
        (True, False)
        >>> sorted(where.names)
        ['blur_px_p95', 'split']
    """

    text: str
    names: frozenset[str]
    test: Test

    def __call__(self, meta: Mapping[str, Any]) -> bool:
        """Whether a pair with this meta data (and ``key``) meets the condition."""
        try:
            value = self.test(meta)
        except TypeError:
            msg = f"where: {self.text!r} compares text with a number for a pair whose fields are {_shown(meta, self.names)}."
            raise SourceError(msg) from None
        return value is not _MISSING and bool(value)

    def check_names(self, known: Iterable[str]) -> None:
        """Raise SourceError where a name is no field of any pair: a slip of the pen would silently choose nothing."""
        known = {*known, "key"}
        for name in sorted(self.names - known):
            hint = did_you_mean(name, known)
            msg = f"where: no pair has a field '{name}'; {hint}the fields are {', '.join(sorted(known))}."
            raise SourceError(msg)


def _shown(meta: Mapping[str, Any], names: Iterable[str]) -> str:
    return ", ".join(f"{name}={meta.get(name)!r}" for name in sorted(names))


def parse_where(text: str) -> Where:
    """Read a condition.

    Raises:
        SourceError: If it is not in the language; the sentence says where reading stopped.
    """
    parser = _Parser(text)
    return Where(text, frozenset(parser.names), parser.condition)


class _Parser:
    """Recursive descent: or > and > not > comparison > value."""

    def __init__(self, text: str) -> None:
        self.text, self.names, self._at, self._depth = text, set[str](), 0, 0
        self._tokens = self._split()
        self.condition = self._or()
        if self._peek() != ("end", ""):
            raise self._error()

    def _split(self) -> list[tuple[str, str, int]]:
        if len(self.text) > _MAX_LENGTH:
            msg = f"where: a condition has at most {_MAX_LENGTH} characters."
            raise SourceError(msg)
        tokens, at, end = [], 0, len(self.text.rstrip())
        while at < end:
            found = _TOKEN.match(self.text, at)
            if found is None or found.lastgroup is None:
                msg = f'where: {self.text!r} cannot be read from {self.text[at:].strip()[:20]!r} on; write for example "blur_px_p95 < 25".'
                raise SourceError(msg)
            tokens.append((found.lastgroup, found[found.lastgroup], at))
            at = found.end()
        return [*tokens, ("end", "", end)]

    def _error(self) -> SourceError:
        at = self._tokens[self._at][2]
        rest = self.text[at:].strip()[:20]
        place = f"from {rest!r} on" if rest else "to its end"
        return SourceError(f"where: {self.text!r} cannot be read {place}; write for example \"blur_px_p95 < 25 and split == 'train'\".")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at][:2]

    def _take(self, *words: str) -> str | None:
        kind, word = self._peek()
        if kind in ("name", "sign") and word in words:
            self._at += 1
            return word
        return None

    def _expect(self, word: str) -> None:
        if self._take(word) is None:
            raise self._error()

    def _or(self) -> Test:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            msg = f"where: {self.text[:60]!r}… is nested too deeply."
            raise SourceError(msg)
        tests = [self._and()]
        while self._take("or"):
            tests.append(self._and())
        self._depth -= 1
        return tests[0] if len(tests) == 1 else lambda meta: any(_true(test(meta)) for test in tests)

    def _and(self) -> Test:
        tests = [self._not()]
        while self._take("and"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda meta: all(_true(test(meta)) for test in tests)

    def _not(self) -> Test:
        negate = False
        while self._take("not"):
            negate = not negate
        test = self._comparison()
        return (lambda meta: not _true(test(meta))) if negate else test

    def _comparison(self) -> Test:
        if self._take("("):
            test = self._or()
            self._expect(")")
            return test
        first, links = self._value(), list[tuple[Callable[[Any, Any], bool], Test]]()
        while (sign := self._sign()) is not None:
            links.append((_COMPARE[sign], self._items() if sign in ("in", "not in") else self._value()))
        return _chain(first, links) if links else first

    def _sign(self) -> str | None:
        if self._take("not"):
            self._expect("in")
            return "not in"
        return self._take("<", "<=", ">", ">=", "==", "!=", "~", "in")

    def _items(self) -> Test:
        closing = {"[": "]", "(": ")"}.get(self._take("[", "(") or "")
        if closing is None:
            raise self._error()
        items = [self._constant()]
        while self._take(","):
            items.append(self._constant())
        self._expect(closing)
        return lambda _: items

    def _constant(self) -> Any:
        kind, word = self._peek()
        self._at += 1
        if kind == "number":
            return float(word) if any(mark in word for mark in ".eE") else int(word)
        if kind == "text":
            return word[1:-1]
        if word in ("true", "false", "True", "False"):
            return word.lower() == "true"
        self._at -= 1
        raise self._error()

    def _value(self) -> Test:
        kind, word = self._peek()
        if kind == "name" and word not in ("true", "false", "True", "False", "and", "or", "not", "in"):
            self._at += 1
            self.names.add(word)
            return lambda meta: meta.get(word, _MISSING)
        constant = self._constant()
        return lambda _: constant


def _true(value: Any) -> bool:
    return value is not _MISSING and bool(value)


def _chain(first: Test, links: list[tuple[Callable[[Any, Any], bool], Test]]) -> Test:
    def test(meta: Mapping[str, Any]) -> bool:
        left = first(meta)
        for compare, right_of in links:
            right = right_of(meta)
            if left is _MISSING or right is _MISSING or left is None or not compare(left, right):
                return False
            left = right
        return True

    return test
