"""The client of what is exported, by the name that it has in `vae_tf.export`.

`import vae_tf_client` is the same, and imports no TensorFlow.
"""

from vae_tf_client import Client, Encoding, Sample, Score, ServerError

__all__ = ["Client", "Encoding", "Sample", "Score", "ServerError"]
