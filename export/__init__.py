"""From a trained model to what TF Serving loads."""

from vae_tf.export.bundle import export
from vae_tf.export.publish import Publish

__all__ = ["Publish", "export"]
