"""What a recipe may say: plain values, and the names of classes that are loaded already.

A recipe may come from a stranger. The parser imports whatever a dotted name leads to, and makes an object of any class
that stands in a value without a type, so each value is looked at before the parser sees it, and once more before
anything is made of it.
"""

import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from vae_tf.errors import InputError
from vae_tf.nearest import nearest
from vae_tf.training.recipes.classes import (
    AXES,
    KERAS,
    MAY_BE_LEFT_OUT,
    Place,
    bases_at,
    class_names,
    known,
    suggestion,
)

LARGEST_FILE = 2**16  # bytes
LARGEST_NUMBER = 2**63
DEEPEST = 20  # levels of a value
WORD = re.compile(r"[\w+-]*")


def load_yaml(path: pathlib.Path) -> dict[str, Any]:
    """The settings in a YAML file, as they stand there.

    Raises:
        InputError: if the file is no YAML, holds something else, repeats itself by aliases or is too large.
    """
    if path.stat().st_size > LARGEST_FILE:
        raise InputError(f"The recipe {path} has {path.stat().st_size:,} bytes: give at most {LARGEST_FILE:,}.")
    try:
        content = _plain(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"The recipe {path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(content, dict) or not isinstance(content.get("model", {}), dict):
        raise InputError(f"The recipe {path} is not a list of settings: write lines such as `epochs: 20`.")
    return content


def check(settings: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Refuses settings that name a class where none belongs, or one that is not loaded; imports nothing.

    Args:
        settings: by their keys, which may be dotted.
        keys: of a recipe, dotted, without those of the classes.

    Raises:
        InputError: the rest of a sentence, which names the place.
    """
    for key, value in settings.items():
        first, *rest = _parts(key)
        if first not in keys:
            raise InputError(f"there is no key {key!r}{suggestion(key, '', keys)}.")
        if first in ("model", "optimizer"):
            _check({".".join(rest): value} if rest else value, (first,))
        elif rest or isinstance(value, dict):
            raise InputError(f"{first} is not one that has keys of its own: give a plain value.")
        elif not isinstance(value, str):
            _check(value, (first,))


def check_words(words: Sequence[str], keys: Sequence[str]) -> None:
    """The same for settings as on the command line, --key=value or --key value."""
    for position, word in enumerate(words):
        if word.startswith("--"):
            key, is_given, value = word[2:].partition("=")
            following = words[position + 1 : position + 2]
            if not is_given and following and not following[0].startswith("--"):
                value = following[0]
            check({key: value}, keys)
            if len(parts := _parts(key)) > 2 and parts[0] == "optimizer" and parts[-1] != "class_path":
                whole = f"--{'.'.join(parts[:2])}='{{class_path: {KERAS}.CosineDecay, init_args: {{...}}}}'"
                raise InputError(f"{key} is an argument of a schedule: give the schedule as a whole, {whole}.")


def _plain(text: str) -> Any:
    """What a YAML text says; aliases, by which a short text becomes an endless value, are an error."""
    if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
        raise ValueError("it has an alias, such as *name: write the value out in each place")
    return yaml.safe_load(text)


def _check(value: Any, place: Place, depth: int = 0) -> None:
    where = ".".join(place)
    if depth > DEEPEST:
        raise InputError(f"{where} has a value in more than {DEEPEST} levels: give a plain value.")
    if isinstance(value, dict):
        for key, inner in value.items():
            parts = _parts(key)
            if parts[-1:] == ["class_path"]:
                _check_class(inner, (*place, *parts[:-1]))
            else:
                _check(inner, (*place, *parts), depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner, place, depth + 1)
    elif isinstance(value, str) and place == ("model",) and not value.startswith("{"):
        raise InputError("model is a word: give its keys, such as model.latent_size.")  # the parser takes it for a file
    elif isinstance(value, str):
        _check_text(value, place, depth)
    elif value is None and where in AXES and where not in MAY_BE_LEFT_OUT:
        _check_class(value, place)
    elif not isinstance(value, bool | int | float | None):
        raise InputError(f"{where} is {value!r}: give a number, a word or a list.")
    elif isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise InputError(f"{where} has more digits than any number that is meant: give a smaller one.")


def _check_text(text: str, place: Place, depth: int) -> None:
    """The parser takes a text for YAML, and a word with dots for something to import."""
    if place and ".".join(place) in AXES and not text.startswith(("{", "[")):
        _check_class(text, place)
        return
    if WORD.fullmatch(text) or _is_number(text) or known(text, bases_at(place)):
        return
    try:
        value = _plain(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        value = text
    if isinstance(value, str):
        raise InputError(f"{'.'.join(place)} is {text!r}: give a number, a word, or a list such as '[512, 256]'.")
    _check(value, place, depth + 1)


def _check_class(name: Any, place: Place) -> None:
    where, bases = ".".join(place), bases_at(place)
    if not bases:
        raise InputError(f"{where} names the class {name!r}, but takes plain values: leave class_path out.")
    name = str(name)
    is_of_keras = place[0] == "optimizer" and len(place) > 1
    is_none = name in ("None", "null") and (where not in AXES or where in MAY_BE_LEFT_OUT)
    if is_none or (known(name, bases) and (not is_of_keras or "." in name)):
        return
    names = [f"{KERAS}.{short}" if is_of_keras else short for short in class_names(bases)]
    or_plain = "" if where in AXES else "a plain value, or "
    own = "; import the package of a class of your own first, at the command line by --trust" if "." in name else ""
    raise InputError(f"{where} got {name!r}{nearest(name, names)}: give {or_plain}one of {', '.join(names)}{own}.")


def _parts(key: Any) -> list[str]:
    """A key's words; what stands between a class and its arguments is left out."""
    return [part for part in str(key).split(".") if part not in ("init_args", "dict_kwargs")]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
