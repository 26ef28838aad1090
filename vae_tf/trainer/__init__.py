"""How Keras trains, evaluates and asks a model."""

from vae_tf.trainer.trainer import Trainer

__all__ = ["Trainer"]
