"""Callbacks for `model.fit`, one a file."""

from vae_tf.training.callbacks.alarms import Alarms
from vae_tf.training.callbacks.checkpoint import Checkpoint
from vae_tf.training.callbacks.divergence import StopOnDivergence
from vae_tf.training.callbacks.graph import Graph
from vae_tf.training.callbacks.history import History
from vae_tf.training.callbacks.hyperparameters import Hyperparameters
from vae_tf.training.callbacks.latents import Latents
from vae_tf.training.callbacks.pictures import Pictures
from vae_tf.training.callbacks.profile import Profile
from vae_tf.training.callbacks.projector import Projector
from vae_tf.training.callbacks.save import Save
from vae_tf.training.callbacks.scalars import Scalars
from vae_tf.training.callbacks.watcher import Watcher

__all__ = [
    "Alarms",
    "Checkpoint",
    "Graph",
    "History",
    "Hyperparameters",
    "Latents",
    "Pictures",
    "Profile",
    "Projector",
    "Save",
    "Scalars",
    "StopOnDivergence",
    "Watcher",
]
