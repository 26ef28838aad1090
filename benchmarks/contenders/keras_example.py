"""The VAE example of keras.io: a hand-written `train_step` and KL, in Keras's own `fit`.

Variants: "defaults"; "jit": with XLA; "jit-100": with XLA and 100 steps to an execution.
"""

import keras
import tensorflow as tf
from keras import layers
from turns import ENDLESS, Turns, in_fit
from works import chosen, images, scaled

work, variant = chosen()


def networks():
    i = keras.Input((28, 28, 1))
    if work.hidden:
        h = layers.Flatten()(i)
        for units in work.hidden:
            h = layers.Dense(units, activation=work.activation)(h)
    else:
        h = layers.Conv2D(32, 3, 2, "same", activation="relu")(i)
        h = layers.Conv2D(64, 3, 2, "same", activation="relu")(h)
        h = layers.Dense(128, activation="relu")(layers.Flatten()(h))
    encoder = keras.Model(i, layers.Dense(2 * work.latent_size)(h))
    i = keras.Input((work.latent_size,))
    if work.hidden:
        h = i
        for units in reversed(work.hidden):
            h = layers.Dense(units, activation=work.activation)(h)
        o = layers.Reshape((28, 28, 1))(layers.Dense(784)(h))
    else:
        h = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(i))
        h = layers.Conv2DTranspose(64, 3, 2, "same", activation="relu")(h)
        h = layers.Conv2DTranspose(32, 3, 2, "same", activation="relu")(h)
        o = layers.Conv2DTranspose(1, 3, padding="same")(h)
    return encoder, keras.Model(i, o)


class Example(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = networks()
        self.means = [keras.metrics.Mean(name=name) for name in ("loss", "reconstruction", "kl")]

    @property
    def metrics(self):
        return self.means

    def train_step(self, x):
        with tf.GradientTape() as tape:
            mean, log_variance = tf.split(self.encoder(x), 2, -1)
            z = mean + tf.exp(0.5 * log_variance) * tf.random.normal(tf.shape(mean))
            entropy = keras.losses.binary_crossentropy(x, tf.sigmoid(self.decoder(z)))
            reconstruction = tf.reduce_sum(entropy, (1, 2))
            kl = -0.5 * tf.reduce_sum(1 + log_variance - mean**2 - tf.exp(log_variance), -1)
            loss = tf.reduce_mean(reconstruction + kl)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        for mean, value in zip(self.means, (loss, reconstruction, kl), strict=True):
            mean.update_state(value)
        return {mean.name: mean.result() for mean in self.means}


def binarized(x):
    values = tf.cast(x, tf.float32) / 255
    return tf.cast(tf.random.uniform(tf.shape(values)) < values, tf.float32)


SETTINGS = {
    "defaults": {},
    "jit": {"jit_compile": True},
    "jit-100": {"jit_compile": True, "steps_per_execution": 100},
}

if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    model = Example()
    model.compile(keras.optimizers.Adam(1e-3), **SETTINGS[variant])
    turns = in_fit(keras.callbacks.Callback, Turns(work.steps, work.batch_size))
    if work.binarized:
        batches = tf.data.Dataset.from_tensor_slices(images(work)).shuffle(10_000).repeat().batch(work.batch_size)
        batches = batches.map(binarized, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
        model.fit(batches, steps_per_epoch=work.steps, shuffle=False, epochs=ENDLESS, callbacks=[turns], verbose=0)
    else:
        model.fit(scaled(work), batch_size=work.batch_size, epochs=ENDLESS, callbacks=[turns], verbose=0)
