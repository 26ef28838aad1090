"""Protocol buffers as text, read with the place of each field, so that a file can be changed and otherwise kept."""

import re
from typing import NamedTuple

from vae_tf.errors import InputError

TOKEN = re.compile(r"""(?s:\s|#[^\n]*)*("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[\w.+-]+|\Z|.)""", re.DOTALL)
VALUE = re.compile(r"""".*"|'.*'|[\w.+-]+""", re.DOTALL)
CLOSING = {"{": "}", "<": ">"}
DEEPEST = 100  # messages within messages, as the official reader has it for those that are not text


class Field(NamedTuple):
    """A field of a message in a text.

    Attributes:
        name: the field's.
        value: what was given, without quotes; empty for a message.
        fields: those of a message, else None.
        start: where it begins in the text.
        inner_end: where a message's closing brace is, else `end`.
        end: where it ends in the text.
    """

    name: str
    value: str
    fields: "list[Field] | None"
    start: int
    inner_end: int
    end: int

    def named(self, name: str) -> "list[Field]":
        """Its own fields of a name."""
        return [field for field in self.fields or [] if field.name == name]


def read(text: str) -> Field:
    """The fields of a text, as those of one nameless message.

    Raises:
        InputError: naming the line where the text cannot be read.
    """
    fields, end = _fields(text, 0, "", 0)
    return Field("", "", fields, 0, end, end)


def replaced(text: str, changes: list[tuple[int, int, str]]) -> str:
    """The text with other words in the place of some of its spans (start, end, words), which are the same or apart."""
    for start, end, words in sorted(set(changes), reverse=True):
        text = text[:start] + words + text[end:]
    return text


def _fields(text: str, at: int, closing: str, depth: int) -> tuple[list[Field], int]:
    """The fields up to the closing token, and where that one begins."""
    if depth > DEEPEST:
        raise _unreadable(text, at, f"there are more than {DEEPEST} messages within one another")
    found: list[Field] = []
    while True:
        name, start, at = _token(text, at)
        if name == closing:
            return found, start
        if name in (";", ",") and found:
            continue
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise _unreadable(text, start, f"a field's name was expected, and there is {name or 'the end'}")
        token, _, behind = _token(text, at)
        had_colon = token == ":"
        at = behind if had_colon else at
        read = _list if _token(text, at)[0] == "[" else _single
        fields, at = read(text, name, start, at, had_colon, depth)
        found.extend(fields)


def _list(text: str, name: str, start: int, at: int, had_colon: bool, depth: int) -> tuple[list[Field], int]:
    """The fields that are written as one list, which is the place of each."""
    _, _, at = _token(text, at)
    found: list[Field] = []
    token, begin, behind = _token(text, at)
    while token != "]":
        fields, at = _single(text, name, start, at, had_colon, depth)
        found.extend(fields)
        token, begin, behind = _token(text, at)
        if token == ",":
            at = behind
        elif token != "]":
            raise _unreadable(text, begin, f"a comma or ] was expected after {name}, and there is {token or 'the end'}")
    return [field._replace(end=behind) for field in found], behind


def _single(text: str, name: str, start: int, at: int, had_colon: bool, depth: int) -> tuple[list[Field], int]:
    token, begin, at = _token(text, at)
    if token in CLOSING:
        fields, inner_end = _fields(text, at, CLOSING[token], depth + 1)
        return [Field(name, "", fields, start, inner_end, inner_end + 1)], inner_end + 1
    if not had_colon or not VALUE.fullmatch(token):
        raise _unreadable(text, begin, f"the value of {name} was expected, and there is {token or 'the end'}")
    value = token[1:-1] if token[0] in "\"'" else token
    return [Field(name, value, None, start, at, at)], at


def _token(text: str, at: int) -> tuple[str, int, int]:
    """The next token, its start and its end; the empty one at the end of the text."""
    match = next(TOKEN.finditer(text, at))
    return match[1], match.start(1), match.end(1)


def _unreadable(text: str, at: int, why: str) -> InputError:
    return InputError(f"line {text.count(chr(10), 0, at) + 1}: {why}")
