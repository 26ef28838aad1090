"""TensorFlow Probability's example: `tfp.layers` in Keras 2, the KL an activity regulariser."""

import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras as keras
from tf_keras import layers
from turns import ENDLESS, Turns, in_fit
from works import chosen, scaled

tfd, tfpl = tfp.distributions, tfp.layers
work, _ = chosen()
keras.utils.set_random_seed(0)
prior = tfd.Independent(tfd.Normal(tf.zeros(work.latent_size), 1.0), 1)
i = keras.Input((28, 28, 1))
if work.hidden:
    h = layers.Flatten()(i)
    for units in work.hidden:
        h = layers.Dense(units, activation=work.activation)(h)
else:
    h = layers.Conv2D(32, 3, 2, "same", activation="relu")(i)
    h = layers.Conv2D(64, 3, 2, "same", activation="relu")(h)
    h = layers.Dense(128, activation="relu")(layers.Flatten()(h))
h = layers.Dense(tfpl.IndependentNormal.params_size(work.latent_size))(h)
z = tfpl.IndependentNormal(work.latent_size, activity_regularizer=tfpl.KLDivergenceRegularizer(prior))(h)
if work.hidden:
    h = z
    for units in reversed(work.hidden):
        h = layers.Dense(units, activation=work.activation)(h)
    o = layers.Dense(784)(h)
else:
    h = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(z))
    h = layers.Conv2DTranspose(64, 3, 2, "same", activation="relu")(h)
    h = layers.Conv2DTranspose(32, 3, 2, "same", activation="relu")(h)
    o = layers.Flatten()(layers.Conv2DTranspose(1, 3, padding="same")(h))
model = keras.Model(i, tfpl.IndependentBernoulli((28, 28, 1), tfd.Bernoulli.logits)(o))
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=lambda x, p: -p.log_prob(x))
x = scaled(work)
turns = in_fit(keras.callbacks.Callback, Turns(work.steps, work.batch_size))
model.fit(x, x, batch_size=work.batch_size, epochs=ENDLESS, callbacks=[turns], verbose=0)
