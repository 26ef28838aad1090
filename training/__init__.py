"""Train, watch and evaluate: recipes, data, callbacks for `model.fit`, runs."""

from vae_tf.training.evaluation import evaluate
from vae_tf.training.evaluation.attribute import attribute_direction
from vae_tf.training.evaluation.search import Found, search
from vae_tf.training.recipes.recipe import Recipe, preset, presets, read
from vae_tf.training.runs.ex_post import fit_prior
from vae_tf.training.runs.interruption import Interrupted
from vae_tf.training.runs.run import Run
from vae_tf.training.watching.tensorboard import tensorboard

__all__ = [
    "Found",
    "Interrupted",
    "Recipe",
    "Run",
    "attribute_direction",
    "evaluate",
    "fit_prior",
    "preset",
    "presets",
    "read",
    "search",
    "tensorboard",
]
