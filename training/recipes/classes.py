"""The classes that a recipe may name: those that are loaded already, and where each kind belongs."""

import inspect
import sys
from collections.abc import Iterator, Sequence

import keras

from vae_tf.likelihoods import Likelihood
from vae_tf.nearest import nearest
from vae_tf.objectives import Objective
from vae_tf.posteriors import Posterior
from vae_tf.priors import Prior
from vae_tf.schedules import Schedule
from vae_tf.training import priors  # noqa: F401  (their classes are known by being loaded)
from vae_tf.training.networks import Network

AXES: dict[str, type] = {
    "model.networks": Network,
    "model.posterior": Posterior,
    "model.prior": Prior,
    "model.likelihood": Likelihood,
    "model.objective": Objective,
    "model.ex_post_prior": Prior,
    "optimizer": keras.optimizers.Optimizer,
}  # the keys that name a class
MAY_BE_LEFT_OUT = ("model.posterior", "model.prior", "model.ex_post_prior")  # of these: a ladder has its own
NOT_ALONE = ("LossScaleOptimizer", "MultiOptimizer", "Hierarchical")  # made of others, which no recipe can give
KERAS = "keras.optimizers.schedules"  # in front of the names of its schedules, as an optimizer's arguments have no type
SUGGESTIONS = 3

Place = tuple[str, ...]


def known(name: str, bases: Sequence[type]) -> type | None:
    """The class of a name, among the loaded classes under `bases`; None if it is none of them."""
    module, _, last = name.rpartition(".")
    for cls in (each for base in bases for each in subclasses(base)):
        if cls.__name__ == last and (not module or vars(sys.modules.get(module, object)).get(last) is cls):
            return cls
    return None


def subclasses(cls: type) -> Iterator[type]:
    """The loaded subclasses of a class, those of subclasses too."""
    subclass: type
    for subclass in cls.__subclasses__():
        if subclass.__name__ not in NOT_ALONE:
            yield subclass
        yield from subclasses(subclass)


def class_names(bases: Sequence[type]) -> list[str]:
    """The names of the classes that may be given, sorted."""
    return sorted({cls.__name__ for base in bases for cls in subclasses(base) if not inspect.isabstract(cls)})


def bases_at(place: Place) -> tuple[type, ...]:
    """The classes of which a subclass may be named at a place."""
    if (axis := AXES.get(".".join(place))) is not None:
        return (axis,)
    if ".".join(place[:-1]) not in AXES:
        return ()
    return (keras.optimizers.schedules.LearningRateSchedule,) if place[0] == "optimizer" else (Schedule,)


def suggestion(name: str, place: str, keys: Sequence[str]) -> str:
    """A question that suggests what a key was meant to be, empty if nothing is near.

    Args:
        name: the key that there is not.
        place: the class's place in which it was given, empty at the top.
        keys: of a recipe, dotted, without those of the classes.
    """
    if place in AXES or bases_at(tuple(place.split("."))):
        return nearest(name, [argument for base in bases_at(tuple(place.split("."))) for argument in arguments(base)])
    if place:
        return nearest(name, [key.removeprefix(f"{place}.") for key in keys])
    full = dict.fromkeys(key for key in keys if key.endswith(f".{name}"))
    full = full or dict.fromkeys(f"{axis}.{name}" for axis, base in AXES.items() if name in arguments(base))
    if full:
        return f" (did you mean {' or '.join(repr(key) for key in [*full][:SUGGESTIONS])}?)"
    return nearest(name, keys)


def arguments(base: type) -> Iterator[str]:
    """The names of the arguments of the classes under `base`."""
    for cls in subclasses(base):
        yield from inspect.signature(cls).parameters
