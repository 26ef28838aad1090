"""One measurement of `first_step.py`: says how many seconds each of the first two executions of a `fit` took.

Variants: "vae_tf", or one of `keras_example.py`; the third word is the steps of an execution.
"""

import itertools
import json
import sys
import time

import keras
import keras_example
import tensorflow as tf
from works import chosen, images

from vae_tf import VAE, networks
from vae_tf.training import datasets

work, variant = chosen()
steps = int(sys.argv[3])


class Clock(keras.callbacks.Callback):
    """The time at the end of each execution."""

    def __init__(self):
        super().__init__()
        self.times = []

    def on_train_batch_end(self, batch, logs=None):
        float(logs["loss"])  # it is computed by then
        self.times.append(time.perf_counter())


keras.utils.set_random_seed(0)
if variant == "vae_tf":
    parts = networks.mlp((28, 28, 1), latent_size=work.latent_size, hidden=work.hidden, activation=work.activation)
    model = VAE(*parts)
    settings = {"jit_compile": True, "steps_per_execution": steps}
    batches = datasets.training_batches(images(work), work.batch_size, seed=0, binarization="dynamic")
else:
    model = keras_example.Example()
    settings = keras_example.SETTINGS[variant]
    batches = tf.data.Dataset.from_tensor_slices(images(work)).shuffle(10_000).repeat().batch(work.batch_size)
    batches = batches.map(keras_example.binarized, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
model.compile(keras.optimizers.Adam(1e-3), **settings)
clock = Clock()
start = time.perf_counter()
model.fit(batches, steps_per_epoch=2 * steps, shuffle=False, callbacks=[clock], verbose=0)
print(json.dumps([after - before for before, after in itertools.pairwise([start, *clock.times])]))
