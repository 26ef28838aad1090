"""log p(x) by importance sampling, 5,000 draws for each image, of the work "small"'s network.

    python log_likelihood.py vae_tf|pythae|products [K]

Without K, it measures a part of the images at each word; with K, it measures 200 images once with K draws, and says the
highest resident memory, MB.
"""

import itertools
import logging
import os
import pathlib
import re
import sys
import time

import numpy as np
from turns import ENDLESS, say
from works import WORKS, images

DRAWS = 5_000
work = WORKS["small"]
D = work.latent_size
variant = sys.argv[1]
x = (images(work)[:200] > 127).astype(np.float32)


def vae_tf():
    from vae_tf import VAE, networks

    vae = VAE(*networks.mlp((28, 28, 1), latent_size=D, hidden=work.hidden, activation=work.activation))
    return lambda count, draws: np.mean(vae.log_prob(x[:count], samples=draws))


def products():
    """The matrix products of the decoder alone, as many rows at once as the library takes."""
    import tensorflow as tf

    from vae_tf import importance

    sizes = itertools.pairwise([D, *reversed(work.hidden), 784])
    kernels = [tf.random.stateless_normal(pair, [0, i]) / 30 for i, pair in enumerate(sizes)]
    z = tf.random.stateless_normal([importance.ROWS, D], [1, 0])

    @tf.function
    def decoded():
        h = z
        for kernel in kernels:
            h = h @ kernel
        return h

    def measure(count, draws):
        for _ in range(count * draws // importance.ROWS):
            last = decoded()
        return float(last[0, 0])

    return measure


def pythae():
    import torch
    from torch import nn

    logging.disable(logging.CRITICAL)
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    torch.set_num_threads(len(os.sched_getaffinity(0)))

    def dense(*sizes):
        return [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), nn.Tanh())]

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(nn.Flatten(), *dense(784, *work.hidden))
            self.mean, self.log_variance = nn.Linear(work.hidden[-1], D), nn.Linear(work.hidden[-1], D)

        def forward(self, x):
            h = self.features(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            hidden = dense(D, *reversed(work.hidden))
            self.mean = nn.Sequential(*hidden, nn.Linear(work.hidden[0], 784), nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.mean(z).reshape(-1, 1, 28, 28))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=D, reconstruction_loss="bce")
    model = VAE(config, Encoder(), Decoder()).eval()
    data = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())

    def measure(count, draws):
        with torch.no_grad():
            return -model.get_nll(data[:count], n_samples=draws, batch_size=min(draws, 100))  # its default: 100

    return measure


measure = {"vae_tf": vae_tf, "pythae": pythae, "products": products}[variant]()
if len(sys.argv) > 2:
    measure(len(x), int(sys.argv[2]))
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    say(megabytes=int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024 / 1e6)
    sys.exit()
count = {"vae_tf": 80, "pythae": 20, "products": 80}[variant]
measure(2, DRAWS)
for _ in range(ENDLESS):
    say(ready=True)
    if not sys.stdin.readline():
        break
    begun = time.perf_counter()
    measure(count, DRAWS)
    say(image_samples_per_second=count * DRAWS / (time.perf_counter() - begun))
