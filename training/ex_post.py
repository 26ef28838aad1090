"""A prior that is fitted after training."""

import keras
import numpy as np
import tensorflow as tf

from vae_tf import VAE, random
from vae_tf.errors import InputError
from vae_tf.priors import Encode, Prior, VampPrior


def fit_prior(
    vae: VAE,
    data,
    prior: Prior,
    *,
    epochs: int = 50,
    batch_size: int = 100,
    learning_rate: float = 5e-3,
    seed: int = 0,
    verbose: str | int = "auto",
) -> VAE:
    """A model with another prior, fitted to the codes of a trained model: density estimation after training.

    max_prior E_q(z)[ log p(z) ],  q(z) = E_x[ q(z|x) ]

    by Adam, whose learning rate falls to 0 as a cosine. The new model shares its networks, posterior and likelihood
    with the old one; its prior is frozen, and it is sampled, scored, saved and served like any other.

    Source: Ghosh et al. (2020), section 4.

    Args:
        vae: the trained model.
        data: what it was trained on, an array [N, *event] or a `tf.data.Dataset` of batches with an end.
        prior: a prior with weights, such as `MixtureOfNormals` or `AutoregressiveFlow`.
        epochs: passes over the codes.
        batch_size: codes of a step.
        learning_rate: where it starts.
        seed: of the codes' draws and of their order.
        verbose: as in Keras's `fit`.

    Raises:
        InputError: for a prior without weights or made of posteriors, one that does not fit the posterior, or counts
            below 1.
    """
    if not prior.is_learned or isinstance(prior, VampPrior):
        raise InputError(
            f"fit_prior got {type(prior).__name__}, which has no weights of its own to fit to codes: give a "
            f"MixtureOfNormals or an AutoregressiveFlow."
        )
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value < 1:
            raise InputError(f"fit_prior got {name}={value}: give at least 1.")
    prior.trainable = False
    fitted = VAE(
        vae.encoder,
        vae.decoder,
        posterior=vae.posterior,
        prior=prior,
        likelihood=vae.likelihood,
        objective=vae.objective,
        seed=vae.seed,
        name=vae.name,
    )
    codes = _codes(vae, data, seed)
    prior.start_at(codes)
    prior.trainable = True
    steps = epochs * -(-len(codes) // batch_size)
    density = _Density(prior)
    density.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)))
    batches = tf.data.Dataset.from_tensor_slices(codes).shuffle(len(codes), seed=seed).batch(batch_size)
    density.fit(batches, epochs=epochs, shuffle=False, verbose=verbose)
    prior.trainable = False
    return fitted


def _codes(vae: VAE, data, seed: int) -> np.ndarray:
    """A draw from q(z|x) for each example, float32 [N, D]."""
    if not isinstance(data, tf.data.Dataset):
        vae.likelihood.check(data, "data")
        data = tf.data.Dataset.from_tensor_slices(np.asarray(data)).batch(500)
    codes = []
    for number, x in enumerate(data):
        seeds = random.pair(seed, random.Purpose.CODES, number)
        noise = random.normal([1, len(x), vae.posterior.noise_size], seeds)
        codes.append(vae.posterior.draw(vae.encode(x), noise)[0].numpy())
    return np.concatenate(codes)


class _Density(keras.Model):
    """-log p(z) of a prior, to be minimised by Keras's `fit`."""

    def __init__(self, prior: Prior):
        super().__init__(name="density")
        self.prior = prior

    def call(self, z: tf.Tensor) -> tf.Tensor:
        log_prob = self.prior.distribution(Encode(_none, _none)).log_prob(z)
        self.add_loss(-tf.reduce_mean(log_prob))
        return log_prob


def _none(*_):
    raise NotImplementedError("a prior that is fitted to codes has no pseudo-inputs")
