"""All callbacks for `model.fit`: those that watch it, and those that save what it makes."""

from vae_tf.training.runs.checkpointing import Checkpoint
from vae_tf.training.runs.divergence import StopOnDivergence
from vae_tf.training.runs.history import History
from vae_tf.training.runs.save import Save
from vae_tf.training.watching.alarms import Alarms
from vae_tf.training.watching.graph import Graph
from vae_tf.training.watching.hyperparameters import Hyperparameters
from vae_tf.training.watching.latents import Latents
from vae_tf.training.watching.pictures import Pictures
from vae_tf.training.watching.profile import Profile
from vae_tf.training.watching.projector import Projector
from vae_tf.training.watching.scalars import Scalars
from vae_tf.training.watching.tensorboard_callback import TensorBoardCallback

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
    "TensorBoardCallback",
]
