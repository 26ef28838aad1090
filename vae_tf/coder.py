"""The code as a Keras model: the part of a model that answers x -> z, without sampling."""

from collections.abc import Mapping

import keras
import tensorflow as tf

from vae_tf import conditions
from vae_tf.errors import InputError
from vae_tf.family import Given
from vae_tf.posteriors import Posterior


@keras.saving.register_keras_serializable("vae_tf")
class Coder(keras.Model):
    """The code that stands for each example, as a Keras model: `predict`, `save`, a layer of other models.

    x -> code of q(z|x): its mean, or the posterior's location; from x [B, *event] to float32 [B, D].

    Its weights are those of the two parts, which it shares with the model that they are from.

    Args:
        encoder: from x [B, *event] to features.
        posterior: q(z|x).
        name: the model's name.
    """

    def __init__(self, encoder: keras.Model, posterior: Posterior, name: str | None = None):
        super().__init__(name=name, dtype="float32")
        self.encoder, self.posterior = encoder, posterior
        self.build(encoder.inputs[0].shape)

    def build(self, input_shape):
        """Builds the posterior, if that is not done; `input_shape` is that of the encoder."""
        del input_shape
        if not self.posterior.built:
            self.posterior.build(self.encoder.output_shape)
        self.built = True

    def call(self, x, training: bool = False) -> tf.Tensor:
        """The codes of x [B, *event], float32 [B, D]; with conditions, x is a dictionary of "x" and of these.

        Raises:
            InputError: for integers, of which this model cannot know how they were scaled; if x or a condition is
                missing.
        """
        batch = dict(x) if isinstance(x, Mapping) else {"x": x}
        needed = ("x", *conditions.names(self.encoder))
        missing = [name for name in needed if name not in batch]
        if missing:
            raise InputError(
                f"The encoder takes {' and '.join(needed)}, but {' and '.join(missing)} was not given: give a "
                f"dictionary of {' and '.join(needed)}, by these names."
            )
        x = tf.convert_to_tensor(batch.pop("x"))
        if x.dtype.is_integer:
            raise InputError(
                f"x is of dtype {x.dtype.name}, and the coder takes floats, as the model was trained on: give x / 255 "
                f'for most images, or x.astype("float32") if nothing is to be scaled.'
            )
        inputs = conditions.inputs(self.encoder, tf.cast(x, tf.float32), batch)
        given = Given(self.encoder(inputs, training=training))
        return self.posterior.code(self.posterior.distribution(self.posterior.parameters(given)))

    def get_config(self) -> dict:
        """The constructor's arguments, and whether the posterior is frozen."""
        serialize = keras.saving.serialize_keras_object
        parts = {"encoder": serialize(self.encoder), "posterior": serialize(self.posterior)}
        return {**parts, "name": self.name, "frozen": not self.posterior.trainable}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> "Coder":
        """The model that `get_config` describes."""
        encoder, posterior = (
            keras.saving.deserialize_keras_object(config[part], custom_objects=custom_objects)
            for part in ("encoder", "posterior")
        )
        posterior.trainable = not config["frozen"]
        return cls(encoder, posterior, config["name"])
