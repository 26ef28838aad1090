"""Callbacks for `model.fit`, one a file."""

from vae_tf.training.callbacks.checkpoint import Checkpoint
from vae_tf.training.callbacks.divergence import StopOnDivergence
from vae_tf.training.callbacks.pictures import Pictures
from vae_tf.training.callbacks.save import Save
from vae_tf.training.callbacks.scalars import Scalars

__all__ = ["Checkpoint", "Pictures", "Save", "Scalars", "StopOnDivergence"]
