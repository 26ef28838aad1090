"""TF Serving on a folder of models: its configuration, its start, and the files that deploy it."""

from vae_tf.export.server.command import BINARY, IMAGE, VARIABLE, Configured
from vae_tf.export.server.process import Server, running

__all__ = ["BINARY", "IMAGE", "VARIABLE", "Configured", "Server", "running"]
