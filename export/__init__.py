"""From a trained model to what TF Serving loads."""

from vae_tf.export.bundle import export

__all__ = ["export"]
