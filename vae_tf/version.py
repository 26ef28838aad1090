"""The version of vae_tf, readable without TensorFlow."""

__version__ = "0.1.0"
