"""Variational autoencoders for Keras: `model.fit`, TensorBoard, TF Serving.

Importing this module registers every class, so that saved models find them.
"""

from vae_tf import backend  # noqa: F401, I001  (first: it names the one backend that works before keras loads another)
from vae_tf import likelihoods, networks, objectives, posteriors, priors, schedules
from vae_tf.errors import InputError
from vae_tf.model import VAE
from vae_tf.version import __version__

__all__ = [
    "VAE",
    "InputError",
    "__version__",
    "likelihoods",
    "networks",
    "objectives",
    "posteriors",
    "priors",
    "schedules",
]
