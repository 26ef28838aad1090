"""Pairs of networks: an encoder from x to features, and a decoder from z to features, one architecture a file.

The posterior projects the encoder's features to its parameters, the likelihood those of the decoder; so any
Keras network that ends in features takes the place of these.
"""

from vae_tf.networks.base import Inputs, Networks
from vae_tf.networks.conditional import Conditions, Label, Vector
from vae_tf.networks.convolutional import conv
from vae_tf.networks.fully_connected import mlp
from vae_tf.networks.ladder import LadderNetworks, ladder
from vae_tf.networks.residual import resnet

__all__ = [
    "Conditions",
    "Inputs",
    "Label",
    "LadderNetworks",
    "Networks",
    "Vector",
    "conv",
    "ladder",
    "mlp",
    "resnet",
]
