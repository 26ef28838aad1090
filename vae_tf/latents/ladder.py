"""Several stochastic layers, one below the other."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

from vae_tf.errors import InputError
from vae_tf.latents.rung import Rung
from vae_tf.latents.site import Choose, Shape
from vae_tf.rows import over_rows
from vae_tf.settled import Settled


@keras.saving.register_keras_serializable("vae_tf")
class Ladder(Settled, keras.layers.Layer):
    """Several stochastic layers, one below the other, from the top down.

    p(z) = p(z_1) prod_l p(z_l|z_<l),  q(z|x) = q(z_1|x) prod_l q(z_l|z_<l, x)
    state_1 = down_1(z_1),  state_l = down_l(state_{l-1}, z_l); the decoder takes the last

    Source: Sønderby et al. (2016), "Ladder variational autoencoders", section 2; Vahdat and Kautz (2020), section 3.

    Args:
        rungs: the stochastic layers, from the top down.
        name: the layer's name.

    Raises:
        InputError: for no rungs, and from `build`, for shapes that do not meet.
    """

    def __init__(self, rungs: Sequence[Rung], name: str | None = None):
        super().__init__(name=name, dtype="float32")
        self.rungs = tuple(rungs)
        if not self.rungs or not all(isinstance(rung, Rung) for rung in self.rungs):
            raise InputError(f"Ladder got rungs={list(rungs)}: give at least one latents.Rung.")
        for number, rung in enumerate(self.rungs):
            wanted = 1 if number == 0 else 2
            if len(rung.down.inputs) != wanted:
                takes = "z alone" if wanted == 1 else "the state that came down, then z"
                raise InputError(
                    f"The `down` of rung {number + 1} of {len(self.rungs)} has {len(rung.down.inputs)} inputs: make it "
                    f"a Keras model of {takes}."
                )

    @property
    def sites(self) -> tuple[Rung, ...]:
        """Where codes are chosen, from the top down."""
        return self.rungs

    def build(self, features_shapes: Sequence[Shape], prior_shape: Shape):
        """Builds the rungs.

        Args:
            features_shapes: of the encoder's outputs, one for each rung, [B, ...].
            prior_shape: what the prior of the top rung is built for.

        Raises:
            InputError: naming the shapes that do not meet.
        """
        if len(features_shapes) != len(self.rungs):
            raise InputError(
                f"The encoder has {len(features_shapes)} outputs and the ladder {len(self.rungs)} rungs: give an "
                f"output for each rung, from the top down."
            )
        state: Shape | None = None
        for number, (rung, features) in enumerate(zip(self.rungs, features_shapes, strict=True), 1):
            rung.build_for(tuple(features), state, prior_shape, f"rung {number} of {len(self.rungs)}")
            state = tuple(rung.down.output_shape)
        self.built = True

    def walk(self, choose: Choose, condition: tf.Tensor | None = None, training: bool = False) -> tf.Tensor:
        """What the decoder takes, flat, [*, S], if each z is chosen so.

        Args:
            choose: one of the ways in `choosers`.
            condition: the condition that the prior of the top rung depends on, float32 [B, C].
            training: whether dropout and batch normalisation of `down` train.
        """
        top, *others = self.rungs
        state = over_rows(top.down, [choose(top, condition)], training)
        for rung in others:
            state = over_rows(rung.down, [state, choose(rung, state)], training)
        shape = self.rungs[-1].down.output_shape[1:]
        return tf.reshape(state, tf.concat([tf.shape(state)[: -len(shape)], [math.prod(shape)]], axis=0))

    def check(self, decoder_shape: tuple[int, ...]) -> None:
        """Refuses a decoder that takes another state than comes down.

        Raises:
            InputError: naming both shapes.
        """
        state = tuple(self.rungs[-1].down.output_shape[1:])
        if state != decoder_shape:
            raise InputError(
                f"The shapes do not meet: the ladder ends in a state {state}, and the decoder takes {decoder_shape}: "
                f"make them equal."
            )
