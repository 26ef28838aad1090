"""Asks a model behind TF Serving, over REST or gRPC; imports no TensorFlow."""

from vae_tf_client.client import Client, Encoding, Sample, Score
from vae_tf_client.errors import ServerError

__all__ = ["Client", "Encoding", "Sample", "Score", "ServerError"]
