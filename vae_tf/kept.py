"""How a model is kept: as a config, a `.keras` file or a SavedModel, and quantized."""

import functools
from typing import Self

import keras

from vae_tf import inner_layers
from vae_tf.errors import InputError
from vae_tf.latents import Flat, Ladder
from vae_tf.serving import saved_model, signatures
from vae_tf.trainer import Trainer

AXES = ("posterior", "prior", "likelihood")  # those with weights
BUILT_OF = ("encoder", "decoder", *AXES, "latents", "objective", "seed")


class Kept(Trainer):
    """Describes and writes a model, so that what is loaded equals what was saved."""

    latents: Flat | Ladder

    def __setattr__(self, name: str, value) -> None:
        """Sets an attribute.

        Raises:
            InputError: for what the model was built of, once it is.
        """
        if name in BUILT_OF and getattr(self, "built", False) and value is not getattr(self, name):
            raise InputError(
                f"{name} was set to {value!r} after the model was built, whose logs and compiled steps go on with what "
                f"it was built with: build another model, VAE(..., {name}=...)."
            )
        super().__setattr__(name, value)

    def build_keeping(self) -> None:
        """Remembers the layers within each axis as they are now, when they have just been built."""
        self._inner_configs = inner_layers.configs(self._parts)

    @property
    def _parts(self) -> inner_layers.Parts:
        """The parts that make layers when they are built."""
        if not isinstance(self.latents, Ladder):
            return {axis: getattr(self, axis) for axis in AXES}
        rungs = enumerate(self.latents.rungs, 1)
        of_rungs = {f"{axis} of rung {n}": getattr(rung, axis) for n, rung in rungs for axis in ("posterior", "prior")}
        return {**of_rungs, "likelihood": self.likelihood}

    def export(self, filepath, format: str = "tf_saved_model", verbose: bool | None = None, input_signature=None):
        """Keras's `export`, of all that is served: the functions of `vae_tf.serving.signatures`, by their names.

        `vae_tf.export.export` makes of it what a server in production needs: versions, warm-up, configuration, checks.

        Args:
            filepath: the folder of the SavedModel.
            format: "tf_saved_model"; the others of Keras hold no more than `call`.
            verbose: whether to print what is served.
            input_signature: None; the signatures are those of the served functions.

        Raises:
            InputError: for an `input_signature` with this format.
        """
        if format != "tf_saved_model":
            super().export(filepath, format, verbose, input_signature)
            return
        if input_signature is not None:
            raise InputError(
                "export() was given an input_signature, but this model's signatures are those that it serves: leave it "
                "out, or call tf.saved_model.save with functions of your own."
            )
        graphs = signatures.trace(self)
        saved_model.write(filepath, graphs, saved_model.served_weights(graphs))
        if verbose:
            print(f"{filepath} serves {', '.join(sorted(graphs))}.")  # noqa: T201  (as Keras does)

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Keras's `quantize`, of the encoder and the decoder; what the axes compute stays float32."""
        for network in (self.encoder, self.decoder):
            network.quantize(mode, config=config, filters=filters, **kwargs)
        self.train_function = self.test_function = self.predict_function = None
        for compiled in ("_draw_function", "log_weights_function", "score_function", "coder"):
            self.__dict__.pop(compiled, None)

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Keras's `save`, to a `.keras` file.

        Raises:
            InputError: for an `.h5` file, from which Keras could not load the model, and as `get_config`.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise InputError(
                f"save() was given {filepath}, but a model in that old format does not load: give a path that ends in "
                f".keras, or save the weights alone by save_weights() to one that ends in .weights.h5."
            )
        self.get_config()  # Keras empties the file before it asks for it
        super().save(filepath, overwrite, zipped, **kwargs)

    def get_config(self) -> dict:
        """The constructor's arguments, and which parts and layers within them are frozen.

        Raises:
            InputError: if a layer within a part was changed after it was built.
        """
        inner_layers.check(self._parts, self._inner_configs)
        serialize = keras.saving.serialize_keras_object
        latents = ("latents",) if isinstance(self.latents, Ladder) else ("posterior", "prior")
        parts = ("encoder", "decoder", *latents, "likelihood", "objective")
        return {
            **{part: serialize(getattr(self, part)) for part in parts},
            "seed": self.seed,
            "name": self.name,
            "frozen": inner_layers.frozen(self._parts),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> Self:
        """The model that `get_config` describes.

        Raises:
            InputError: if something is frozen that the model has not.
        """
        deserialize = functools.partial(keras.saving.deserialize_keras_object, custom_objects=custom_objects)
        frozen = config.get("frozen", [])
        config = {key: value for key, value in config.items() if key != "frozen"}
        arguments = {key: deserialize(value) if isinstance(value, dict) else value for key, value in config.items()}
        for axis in AXES:
            if isinstance(frozen, list) and axis in frozen and arguments.get(axis) is not None:
                arguments[axis].trainable = False  # before the parts are compared: what is frozen need not be trained
        vae = cls(**arguments)
        inner_layers.freeze(vae._parts, frozen)
        return vae
