"""Refuses a Keras backend other than TensorFlow, in words, before anything else is imported."""

import os

from vae_tf.errors import InputError

try:
    import keras
except ModuleNotFoundError as error:
    if error.name not in ("jax", "torch", "openvino"):
        raise
    _name = os.environ.get("KERAS_BACKEND") or error.name  # Keras failed on the backend that it was told to use
else:
    _name = keras.backend.backend()

if _name != "tensorflow":
    raise InputError(
        f'Keras runs on the backend "{_name}", but vae_tf needs "tensorflow": set the environment variable '
        f'KERAS_BACKEND=tensorflow, or "backend" in ~/.keras/keras.json.'
    )
