"""The stochastic layers of a model, the walk down them, and the ways to choose z on it."""

from vae_tf.latents.choosers import Continue, Generate, Infer, Recall, Represent, Score
from vae_tf.latents.codes import Codes
from vae_tf.latents.flat import Flat
from vae_tf.latents.joint import Joint
from vae_tf.latents.ladder import Ladder
from vae_tf.latents.latent import Latent
from vae_tf.latents.rung import Rung
from vae_tf.latents.weighed import InferWeighed, WeighedLatent

__all__ = [
    "Codes",
    "Continue",
    "Flat",
    "Generate",
    "Infer",
    "InferWeighed",
    "Joint",
    "Ladder",
    "Latent",
    "Recall",
    "Represent",
    "Rung",
    "Score",
    "WeighedLatent",
]
