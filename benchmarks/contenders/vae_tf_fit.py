"""This library, through `fit`: the run's own pipeline of batches, XLA, several steps to an execution."""

import keras
from turns import ENDLESS, Turns, in_fit
from works import chosen, images

from vae_tf import VAE, networks
from vae_tf.training import datasets

work, variant = chosen()
if variant == "bfloat16":
    keras.config.set_dtype_policy("mixed_bfloat16")
keras.utils.set_random_seed(0)
if work.hidden:
    parts = networks.mlp((28, 28, 1), latent_size=work.latent_size, hidden=work.hidden, activation=work.activation)
    settings = {"jit_compile": True, "steps_per_execution": 500 if work.batch_size == 20 else 100}
else:
    i = keras.Input((28, 28, 1))  # the peers' networks, layer by layer
    h = keras.layers.Conv2D(32, 3, 2, "same", activation="relu")(i)
    h = keras.layers.Conv2D(64, 3, 2, "same", activation="relu")(h)
    encoder = keras.Model(i, keras.layers.Dense(128, activation="relu")(keras.layers.Flatten()(h)))
    i = keras.Input((work.latent_size,))
    h = keras.layers.Reshape((7, 7, 64))(keras.layers.Dense(7 * 7 * 64, activation="relu")(i))
    h = keras.layers.Conv2DTranspose(64, 3, 2, "same", activation="relu")(h)
    parts = encoder, keras.Model(i, keras.layers.Conv2DTranspose(32, 3, 2, "same", activation="relu")(h))
    settings = {"jit_compile": False}
vae = VAE(*parts)
vae.compile(keras.optimizers.Adam(1e-3), **settings)
batches = datasets.training_batches(
    images(work), work.batch_size, seed=0, binarization="dynamic" if work.binarized else "none"
)
turns = in_fit(keras.callbacks.Callback, Turns(work.steps, work.batch_size))
vae.fit(batches, shuffle=False, steps_per_epoch=work.steps, epochs=ENDLESS, callbacks=[turns], verbose=0)
