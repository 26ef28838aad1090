"""What a model was built with stays as it is: a traced step has read it, and would not see another value."""

import inspect
from typing import Self

import keras

from vae_tf.errors import InputError


class Settled:
    """An object whose constructor's arguments stay as they are from the time when a model is built with it.

    Another value would be saved with the model, but not trained with.
    """

    _is_settled = False

    def settle(self) -> None:
        """Settles this object, and what it holds."""
        self._is_settled = True
        for value in vars(self).values():
            for part in value if isinstance(value, list | tuple) else [value]:
                if isinstance(part, Settled):
                    part.settle()

    def get_config(self) -> dict:
        """The constructor's arguments, which the object keeps under their names."""
        return {name: _described(getattr(self, name)) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        """The object that `get_config` describes."""
        return cls(**{name: _made(value) for name, value in config.items()})

    def __setattr__(self, name: str, value) -> None:
        """Sets an attribute.

        Raises:
            InputError: for a constructor's argument, once a model is built with this object.
        """
        if self._is_settled and not name.startswith("_") and name in self.get_config():
            raise InputError(
                f"{type(self).__name__}.{name} was set to {value!r} after a model was built with it, whose compiled "
                f"steps go on with {getattr(self, name, None)!r}: for a weight of an objective, give it a schedule of "
                f"the step from the beginning (`vae_tf.schedules`), else build another model."
            )
        super().__setattr__(name, value)


def _described(value):
    """An argument as a config holds it."""
    if isinstance(value, tuple):
        return [_described(part) for part in value]
    return keras.saving.serialize_keras_object(value) if hasattr(value, "get_config") else value


def _made(value):
    """An argument out of what a config holds."""
    if isinstance(value, list):
        return [_made(part) for part in value]
    return keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
