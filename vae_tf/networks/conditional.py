"""What networks take besides x and z: labels and vectors, and where they come in."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import keras
from keras import layers

from vae_tf.conditions import check_name
from vae_tf.errors import InputError
from vae_tf.sizes import size, sizes


@dataclasses.dataclass(frozen=True)
class Label:
    """One of a number of labels, such as the class of an image; each network learns a vector for each label.

    The networks take it as whole numbers, int32 [B].

    Args:
        count: the number of labels, which are 0 ... count - 1.
        width: the size of the learned vectors.
        encoder: whether the encoder takes it, as q(z|x, label).
        decoder: whether the decoder takes it, as p(x|z, label).

    Raises:
        InputError: for a size below 1, or if neither network takes it.
    """

    count: int
    width: int = 16
    encoder: bool = True
    decoder: bool = True

    def __post_init__(self):
        object.__setattr__(self, "count", size("Label", "count", self.count))
        object.__setattr__(self, "width", size("Label", "width", self.width))
        _check_taken(self)

    def input(self, name: str) -> keras.KerasTensor:
        """The input of a network, int32 [B]."""
        return keras.Input((), dtype="int32", name=name)

    def features(self, value: keras.KerasTensor) -> keras.KerasTensor:
        """What joins the features, [B, width]."""
        start = keras.initializers.RandomNormal(stddev=1.0)  # as large as other features, so that it is used at once
        return layers.Embedding(self.count, self.width, start, name=f"{value.name}_embedding")(value)


@dataclasses.dataclass(frozen=True)
class Vector:
    """Numbers of order 1, such as an angle's sine and cosine, which the networks take as they are.

    The networks take it as float32 [B, *shape].

    Args:
        shape: of one example's numbers; a whole number is the size of a vector.
        encoder: whether the encoder takes it, as q(z|x, vector).
        decoder: whether the decoder takes it, as p(x|z, vector).

    Raises:
        InputError: for a size below 1, or if neither network takes it.
    """

    shape: int | Sequence[int]
    encoder: bool = True
    decoder: bool = True

    def __post_init__(self):
        shape = self.shape if isinstance(self.shape, Sequence) else (self.shape,)
        shape = sizes("Vector", "shape", shape)
        object.__setattr__(self, "shape", shape)
        _check_taken(self)

    def input(self, name: str) -> keras.KerasTensor:
        """The input of a network, float32 [B, *shape]."""
        return keras.Input(self.shape, dtype="float32", name=name)

    def features(self, value: keras.KerasTensor) -> keras.KerasTensor:
        """What joins the features, [B, F]."""
        return value if len(value.shape) == 2 else layers.Flatten(name=f"{value.name}_flat")(value)


Conditions: TypeAlias = Mapping[str, Label | Vector] | None


class Conditional:
    """The conditions of one network, which is as it would be if it has none."""

    def __init__(self, conditions: Conditions, network: Literal["encoder", "decoder"]):
        self.network = network
        self.inputs: list[keras.KerasTensor] = []
        self.features: list[keras.KerasTensor] = []
        for name, condition in _checked(conditions).items():
            if getattr(condition, network):
                value = condition.input(name)
                self.inputs.append(value)
                self.features.append(condition.features(value))

    def join(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """Features [B, F] or [B, height, width, F], and at each place those of the conditions beside them."""
        if not self.features:
            return features
        _, *places, _ = features.shape
        beside = [_at_each_place(value, tuple(places)) for value in self.features] if places else self.features
        return layers.Concatenate(name="joined")([features, *beside])

    def model(self, first: keras.KerasTensor, features: keras.KerasTensor) -> keras.Model:
        """The network from its first input and the conditions to features."""
        return keras.Model([first, *self.inputs] if self.inputs else first, features, name=self.network)


def _checked(conditions: Conditions) -> Mapping[str, Label | Vector]:
    conditions = {} if conditions is None else conditions
    is_mapping = isinstance(conditions, Mapping)
    if not is_mapping or not all(isinstance(condition, Label | Vector) for condition in conditions.values()):
        raise InputError(
            f"The network got conditions={conditions!r}: give a Label or a Vector for each name, such as "
            f'{{"label": networks.Label(10)}}.'
        )
    for name in conditions:
        check_name(name, "A condition of the network")
    return conditions


def _at_each_place(value: keras.KerasTensor, places: tuple[int, ...]) -> keras.KerasTensor:
    """Features [B, F] as [B, height, width, F]."""
    value = layers.Reshape((1, 1, value.shape[-1]))(value)
    return layers.UpSampling2D(places)(value)


def _check_taken(condition: Label | Vector) -> None:
    if not (condition.encoder or condition.decoder):
        kind = type(condition).__name__
        raise InputError(f"{kind} got encoder=False and decoder=False: leave it out, or let a network take it.")
