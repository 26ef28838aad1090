"""A recipe's keys and types, and what the parser says of them, in a person's words."""

import re
from collections.abc import Sequence

from vae_tf.nearest import nearest
from vae_tf.training.recipes.classes import AXES, bases_at, class_names, suggestion

KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a word",
    "NoneType": "null",
    "None": "null",
}
LISTS = {
    r"tuple\[tuple\[": "a list of lists, such as [[1, 16, 2], [7, 8, 4]]",
    r"tuple with 3 elements": "a list of 3 numbers",
    r"(collections\.abc\.)?(tuple|list|Sequence)\b": "a list, such as [512, 256]",
}


def explain(message: str, keys: Sequence[str]) -> str:
    """One sentence out of the parser's paragraphs.

    Args:
        message: the parser's.
        keys: of a recipe, dotted, without those of the classes.
    """
    if match := re.search(r"^[ -]*(.+: give .+\.)$", message, re.MULTILINE):
        return match[1]  # one of ours
    key = ".".join(re.findall(r'Parser key "(.+?)"', message))
    if match := re.search(r"argument --(\S+): expected one argument", message):
        return f"{match[1]} got nothing: give a value after it."
    if match := re.search(r"following arguments are required: ([\w, ]+)", message):
        return f"{key} needs {match[1]}: give it too, such as --{key}.{match[1].split(',')[0]} ..."
    if match := re.search(r"unrecognized arguments: (?:--)?([^\s=]+)|option '(\S+)'", message, re.IGNORECASE):
        name = match[1] or match[2]
        if name in keys:
            return f"{name} stands without dashes: write --{name} and its value."
        return f"there is no key {name!r}{f' in {key}' if key else ''}{suggestion(name, key, keys)}."
    return _of_value(message, key) or f"{key or 'a setting'} got what it does not take: see `vae-tf recipes --keys`."


def _of_value(message: str, key: str) -> str | None:
    """What the parser says of a value, None if it speaks of something else."""
    classes = class_names(bases_at(tuple(key.split("."))))
    if classes and (match := re.search(r"dot import path string: (\S+)", message)):
        number = "" if key in AXES else "a number, or "
        return f"{key} got {match[1]!r}{nearest(match[1], classes)}: give {number}one of {', '.join(classes)}."
    wanted = re.findall(r"Expected an? (.+?)(?:\.? Got value|\n|$)", message)
    value = re.findall(r"(?:Got|Given) value: ?(.*?)(?:\. Got|\n|$)", message)
    if not (key and wanted and value):
        return None
    kinds = ["one of " + ", ".join(classes) if "dot import path" in each else in_words(each) for each in wanted]
    return f"{key} got {value[0]!r}: give {' or '.join(dict.fromkeys(kinds))}."


def in_words(annotation: str) -> str:
    """A type as a person says it, of what Python prints of it."""
    annotation = re.sub(r"<class '([\w.]+)'>", r"\1", annotation.strip())
    if annotation in KINDS:
        return KINDS[annotation]
    if match := re.fullmatch(r"typing\.Optional\[(.+)\]", annotation):
        return f"{in_words(match[1])} or null"
    if match := re.fullmatch(r"typing\.Union\[(.+)\]", annotation):
        annotation = re.sub(r", (?![^\[]*\])", " | ", match[1])
    if match := re.fullmatch(r"(?:typing\.)?Literal\[(.+)\]", annotation):
        return " or ".join(part.strip(" '") for part in match[1].split(","))
    for pattern, words in LISTS.items():
        if re.match(pattern, annotation):
            return words
    parts = re.split(r" \| (?![^\[]*\])", annotation)
    if len(parts) > 1:
        return " or ".join(in_words(part) for part in parts)
    return "a schedule" if "Schedule" in annotation else annotation
