"""The layers that an axis makes when it is built: its own config does not describe them, the model's does."""

import inspect

import keras

from vae_tf import keras_private
from vae_tf.errors import InputError

NOT_COMPARED = ("name", "trainable", "lora_rank", "lora_alpha")  # Keras names them anew, and saves LoRA merged

Parts = dict[str, keras.layers.Layer]


def of(part: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers within a part, in the order in which it made them."""
    return keras_private.layers_within(part)


def frozen(parts: Parts) -> list[str]:
    """The parts that do not train, such as `prior`, and of the others the layers that do not, such as `posterior/0`."""
    names = []
    for axis, part in parts.items():
        if not part.trainable:
            names.append(axis)
        else:
            names += [f"{axis}/{number}" for number, layer in enumerate(of(part)) if not layer.trainable]
    return names


def freeze(parts: Parts, names: list[str]) -> None:
    """Freezes what `frozen` has named.

    Raises:
        InputError: for another name.
    """
    layers = {f"{axis}/{number}": layer for axis, part in parts.items() for number, layer in enumerate(of(part))}
    known = {**parts, **layers}
    for name in names if isinstance(names, list) else [names]:
        if not isinstance(name, str) or name not in known:
            raise InputError(
                f"The model's config says that {name!r} is frozen, but it has {', '.join(known)}: the file is damaged, "
                f"or made by other means than save()."
            )
        known[name].trainable = False


def configs(parts: Parts) -> dict[str, list[dict[str, str]]]:
    """What Keras says of each layer that a part has made."""
    return {axis: [_config(layer) for layer in _made_by(part)] for axis, part in parts.items()}


def check(parts: Parts, built: dict[str, list[dict[str, str]]]) -> None:
    """Refuses layers that are no longer as they were built, which the model's config does not say.

    Args:
        parts: the axes.
        built: their `configs` when they were built.

    Raises:
        InputError: naming the layer and what has changed.
    """
    for axis, part in parts.items():
        for layer, before in zip(_made_by(part), built[axis], strict=True):
            now = _config(layer)
            changed = [key for key in now if now[key] != before.get(key)]
            if changed:
                raise InputError(
                    f"The layer {layer.name!r} within the {axis} has another {' and '.join(changed)} than when it was "
                    f"built, and a file of the model would not say so: undo it, or write a {axis} of your own."
                )


def _made_by(part: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers within a part, without those that it was given: these stand in its own config."""
    arguments = [getattr(part, name, None) for name in inspect.signature(type(part)).parameters]
    given = [layer for layer in arguments if isinstance(layer, keras.layers.Layer)]
    described = {id(layer) for whole in given for layer in (whole, *of(whole))}
    return [layer for layer in of(part) if id(layer) not in described]


def _config(layer: keras.layers.Layer) -> dict[str, str]:
    try:
        config = layer.get_config()
    except NotImplementedError:  # a layer of a user's own
        return {}
    return {key: str(value) for key, value in config.items() if key not in NOT_COMPARED}
