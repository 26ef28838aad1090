"""A prior that is fitted after training."""

from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from vae_tf import VAE, random
from vae_tf.data import Batch, batches, count, take
from vae_tf.errors import InputError
from vae_tf.family import Given
from vae_tf.objectives import ELBO
from vae_tf.priors import Prior, VampPrior
from vae_tf.training import datasets
from vae_tf.training.recipes.initialization import seeded

ROWS = 500  # examples of one pass, if the data are no batches already


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
    with the old one; its prior is frozen, its objective the ELBO where it has one, and it is sampled, scored, saved and
    served like any other.

    With conditions, q(z) is over examples with their conditions, and the new p(z) is the same for all of them.

    Source: Ghosh et al. (2020), section 4.

    Args:
        vae: the trained model.
        data: what it was trained on, an array [N, *event], or with conditions a dictionary of "x" and of these; or a
            `tf.data.Dataset` of batches of such, with an end.
        prior: a prior with weights, such as `MixtureOfNormals` or `AutoregressiveFlow`.
        epochs: passes over the codes.
        batch_size: codes of a step.
        learning_rate: where it starts.
        seed: of the codes' draws, of their order, and of where the weights of a new prior start; nothing else decides.
        verbose: as in Keras's `fit`.

    Raises:
        InputError: for a prior without weights, made of posteriors, that depends on a condition, or the model's own;
            one that does not fit the posterior; a model whose own prior depends on a condition; data that the model
            does not take; counts below 1.
    """
    check_prior(vae, prior)
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value < 1:
            raise InputError(f"fit_prior got {name}={value}: give at least 1.")
    codes = _codes(vae, data, seed)
    prior.trainable = False
    with seeded(seed):
        fitted = VAE(
            vae.encoder,
            vae.decoder,
            posterior=vae.posterior,
            prior=prior,
            likelihood=vae.likelihood,
            objective=ELBO() if vae.has_density else vae.objective,
            seed=vae.seed,
            name=vae.name,
        )
    prior.trainable = True
    prior.start_near(codes)
    steps = datasets.steps_per_epoch(len(codes), batch_size)
    batches = datasets.training_batches(codes, batch_size, seed=seed, binarization="none")
    density = _Density(prior, seed)
    density.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, epochs * steps)))
    density.fit(batches, steps_per_epoch=steps, epochs=epochs, shuffle=False, verbose=verbose)
    prior.trainable = False
    return fitted


def check_prior(vae: VAE, prior: Prior) -> None:
    """Refuses a prior that `fit_prior` could not fit.

    Raises:
        InputError: for a prior without weights, made of posteriors, that depends on a condition, or the model's own;
            one that does not fit the posterior; or a model whose own prior depends on a condition.
    """
    if len(vae.latents.sites) > 1:
        raise InputError("fit_prior got a ladder, whose rungs have priors of their own: give a model of one prior.")
    if prior.is_conditional:
        raise InputError(
            f"fit_prior got {type(prior).__name__}, which depends on a condition, but it fits one p(z) to the codes of "
            f"all examples: give a MixtureOfNormals or an AutoregressiveFlow, or train the model with this prior."
        )
    if vae.prior.is_conditional:
        raise InputError(
            f"The model's prior is {type(vae.prior).__name__}, so where codes lie depends on "
            f"{', '.join(vae.conditions)}, and one p(z) for all would mix them: keep that prior, or train a model with "
            f"another, such as StandardNormal."
        )
    if not prior.is_learned or isinstance(prior, VampPrior):
        raise InputError(
            f"fit_prior got {type(prior).__name__}, which has no weights of its own to fit to codes: give a "
            f"MixtureOfNormals or an AutoregressiveFlow."
        )
    if prior is vae.prior:
        raise InputError("fit_prior got the model's own prior: give a new one, as the old model keeps its own.")
    prior.check(vae.posterior)


def _codes(vae: VAE, data, seed: int) -> np.ndarray:
    """A draw from q(z|x) for each example, float32 [N, D]."""
    schema = vae.schema.needing(vae.encoder_conditions)
    parts: Iterable[Batch]
    if isinstance(data, tf.data.Dataset):
        parts = batches(data, schema)
    else:
        data = schema.arrays(data, "data")
        parts = (take(data, slice(first, first + ROWS)) for first in range(0, count(data), ROWS))
    codes = [np.zeros((0, vae.latent_size), np.float32)]
    for number, part in enumerate(parts):
        batch = schema.arrays(part, "data", is_density_needed=True)
        noise_seed = random.pair(seed, random.Purpose.CODES, number)
        noise = random.normal([1, count(batch), vae.noise_size], noise_seed)
        codes.append(vae.infer(batch, noise)[0].numpy())
    found = np.concatenate(codes)
    if not len(found):
        raise InputError("fit_prior got no data: give the examples that the model was trained on.")
    return found


class _Density(keras.Model):
    """-log p(z) of a prior, to be minimised by Keras's `fit`; if it is an estimate, that of noise from the seed."""

    def __init__(self, prior: Prior, seed: int):
        super().__init__(name="density", dtype="float32")
        self.prior, self.seeds = prior, keras.random.SeedGenerator(seed)

    def call(self, z: tf.Tensor, training: bool = False) -> tf.Tensor:
        noise = random.normal([tf.shape(z)[0], self.prior.bound_noise_size], tf.cast(self.seeds.next(), tf.int64))
        given = Given(noise=noise, training=training)
        log_prob = self.prior.distribution(self.prior.parameters(given)).log_prob(z)
        self.add_loss(-tf.reduce_mean(log_prob))
        return log_prob
