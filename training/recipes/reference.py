"""All keys of a recipe, read from the classes that a recipe names."""

import dataclasses
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from vae_tf.training.recipes.classes import AXES, class_names, subclasses
from vae_tf.training.recipes.recipe import Model, Recipe
from vae_tf.training.recipes.words import in_words

BUILT = (
    "latent_size",
    "event_shape",
    "name",
    "projection",
)  # arguments that the recipe gives itself, or that none needs


class Key(NamedTuple):
    """A key of a recipe: its dotted name, what it takes, its default and its meaning."""

    name: str
    takes: str
    default: str
    meaning: str


def reference() -> Iterator[Key]:
    """The keys of a recipe, then those of each class that it may name."""
    for part, prefix in ((Recipe, ""), (Model, "model.")):
        meanings = _section(part, "Attributes")
        for field in dataclasses.fields(part):
            name = prefix + field.name
            if name == "model":
                continue
            takes = ", ".join(class_names((AXES[name],))) if name in AXES else in_words(_words(field.type))
            yield Key(name, takes, _default(field.default), meanings[field.name])
    for axis, base in AXES.items():
        if base is keras.optimizers.Optimizer:
            meaning = "the first argument of an optimizer; the others are those of Keras, by their names."
            yield Key(f"{axis}.learning_rate", "a number, or a schedule", "of the class", meaning)
            continue
        for cls in sorted(subclasses(base), key=lambda cls: cls.__name__):
            if inspect.isabstract(cls) or axis == "model.ex_post_prior":
                continue
            meanings = _section(cls, "Args")
            for name, parameter in inspect.signature(cls).parameters.items():
                if name not in BUILT:
                    takes = in_words(_words(parameter.annotation))
                    yield Key(
                        f"{axis}.{name} ({cls.__name__})", takes, _default(parameter.default), meanings.get(name, "")
                    )


def _section(cls: type, title: str) -> dict[str, str]:
    """The names that a docstring explains under a title, with what it says of each."""
    section = (inspect.getdoc(cls) or "").partition(f"{title}:\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^    (\w+): (.+(?:\n {6,}.+)*)", section, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in entries}


def _words(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty:
        return "none: give it"
    if isinstance(value, type):
        return value.__name__
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return json.dumps(value) if isinstance(value, tuple) else str(value)
