"""An example request to a served model, for a person to begin with."""

import pathlib
from collections.abc import Iterator, Sequence

LONGEST = 16  # numbers of a condition that an example spells out
NAMED = 10  # labels that are named


def lines(rest: str, name: str, folder: pathlib.Path) -> Iterator[str]:
    """How to ask a model for a draw from its prior, by curl and in Python.

    Args:
        rest: the URL of the server.
        name: of the model.
        folder: of its versions, or of one; whatever `sample` takes there besides a seed is asked with zeros.
    """
    import json
    import shlex

    from vae_tf.errors import InputError
    from vae_tf.export.version import card, check

    try:
        version = check.locate(folder)
        condition, names = _zeros(version), card.names(version)
    except (InputError, OSError):  # from elsewhere, or damaged: it may be served all the same
        condition, names = {}, {}
    body = {"signature_name": "sample", "instances": [{"seed": [7, 0], **condition}]}
    yield f"curl -d {shlex.quote(json.dumps(body))} {rest}/v1/models/{name}:predict"
    yield "or in Python, with vae_tf_client:"
    arguments = "".join(f", {key}={value}" for key, value in condition.items())
    yield f'Client("{rest}", "{name}").sample(1, seed=7{arguments})'
    for key in condition:
        if key in names and names[key] != [str(number) for number in range(len(names[key]))]:
            yield f"{key}: {_numbered(names[key])}"


def _zeros(version: pathlib.Path) -> dict[str, float | list]:
    """Zeros for each condition that the served `sample` takes, by name; none if they are too many to print."""
    import numpy as np

    from vae_tf.export.version import contents

    interface = contents.interfaces(version).get("sample")
    taken = {} if interface is None else interface.inputs
    specs = {key: taken[key] for key in sorted(taken) if key != "seed"}
    shapes = [spec.shape[1:] for spec in specs.values()]
    if not all(shape.is_fully_defined() and shape.num_elements() <= LONGEST for shape in shapes):
        return {}
    return {key: np.zeros(spec.shape[1:], spec.dtype.as_numpy_dtype).tolist() for key, spec in specs.items()}


def _numbered(names: Sequence[str]) -> str:
    """The names of the labels 0, 1, ..., as far as they are not too many."""
    from vae_tf.training.listed import listed

    return listed([f"{number} is {name!r}" for number, name in enumerate(names)], NAMED)
