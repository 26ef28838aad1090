"""The walk down the latents: what encoding, decoding, drawing and a whole pass have in common."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf import conditions, divergence, random, scoring
from vae_tf.arrays import numbers
from vae_tf.data import batches, by_name
from vae_tf.errors import InputError
from vae_tf.family import Encode, Given
from vae_tf.latents import Codes, Continue, Generate, Infer, Joint, Ladder, Latent, Recall, Represent, Score
from vae_tf.posteriors import Posterior
from vae_tf.rows import spread
from vae_tf.terms import Terms
from vae_tf.traits import Traits

ConditionValues = dict[str, tf.Tensor]  # by name


class Walks(Traits):
    """A model's verbs: each is one walk down the latents, with another way to choose z.

    A verb needs the conditions of the networks that it runs: of the encoder, the decoder or the prior. They are given
    by name, one value for all rows or one for each; or x is a dictionary of all, as `fit` takes it.
    """

    # ----- From examples to codes

    def encode(self, x, training: bool = False, **condition) -> tfd.Distribution | Joint:
        """The posterior q(z|x), batch [N], event [D], of x [N, *event]; of a `tf.data.Dataset`, of all its examples.

        Of a ladder it is the joint q(z|x) of all rungs.
        """
        parts: Iterable = [x]
        if isinstance(x, tf.data.Dataset):
            x = by_name.batch(self.schema, x, condition, self.encoder_conditions)
            parts, condition = batches(x, self.schema.needing(self.encoder_conditions)), {}
        if isinstance(self.latents, Ladder):
            found = [self._features(*self._split(x, condition, self.encoder_conditions), training) for x in parts]
            features = [tf.concat(of_rung, axis=0) for of_rung in zip(*found, strict=True)]
            return Joint(self.latents, features, self._encode(training))
        represented = [self._represent(x, training, condition) for x in parts]
        if len(represented) == 1:
            return represented[0].posteriors[0]
        parameters = [each.parameters[0] for each in represented]
        return self.posterior.distribution(
            tf.nest.map_structure(lambda *values: tf.concat(values, axis=0), *parameters)
        )

    def represent(self, x, training: bool = False, **condition) -> Codes:
        """The codes that stand for x [N, *event]: where one is shown, served or measured."""
        represented = self._represent(x, training, condition)
        sites = self.latents.sites
        stddev = [site.posterior.stddev(q) for site, q in zip(sites, represented.posteriors, strict=True)]
        return Codes(_beside(represented.codes), None if None in stddev else _beside(stddev))

    def infer(self, x, noise: tf.Tensor, **condition) -> tf.Tensor:
        """Draws z ~ q(z|x), float32 [K, N, D], from standard normals [K, N, noise_size]."""
        return _beside([latent.z for latent in self._infer(x, noise, condition)])

    def log_posterior(self, z: tf.Tensor, x, **condition) -> tf.Tensor:
        """log q(z|x), float32 [*], nats, of codes z [*, D] and x [N, *event]; [*] is broadcast against [N]."""
        x, values = self._split(x, condition, self.encoder_conditions)
        score = Score(self._features(x, values, False), z, self._encode())
        self.latents.walk(score)
        return score.log_posterior

    def rates(self, x, **condition) -> tf.Tensor:
        """KL[ q(z_d|x) || p(z_d) ] of each dimension, float32 [N, D], nats, if `is_factorised`."""
        return _beside([latent.rates for latent in self._infer(x, None, condition)])

    def rates_by_layer(self, x, **condition) -> tf.Tensor:
        """KL[ q(z_l|z_<l, x) || p(z_l|z_<l) ] of each stochastic layer, from the top down, float32 [N, L], nats.

        Raises:
            InputError: for a plain autoencoder, which has no rate.
        """
        scoring.check(self)
        rates = [divergence.rate((latent,), "analytic") for latent in self._infer(x, None, condition)]
        return tf.stack(rates, axis=-1)

    def _infer(self, x, noise: tf.Tensor | None, condition: Mapping[str, Any]) -> list[Latent]:
        """The latents of x, with draws by this noise, or by the model's own seed."""
        x, values = self._split(x, condition, self.encoder_conditions + self.prior_conditions)
        if noise is None:
            seed = random.pair(self.seed, random.Purpose.EVALUATION, 0)
            noise = random.normal([1, tf.shape(x)[0], self.noise_size], seed)
        infer = Infer(self._features(x, values, False), noise, None, self._encode())
        self.latents.walk(infer, self._context(values))
        return infer.latents

    # ----- From codes to examples

    def decode(self, z, training: bool = False, **condition) -> tfd.Distribution:
        """The likelihood p(x|z), batch [*], event [*event], of codes z [*, D]."""
        z = tf.cast(numbers(z, "z", ("N", self.latent_size)), tf.float32)
        if not z.shape.rank or z.shape[-1] != self.latent_size:
            raise InputError(f"z has shape {tuple(z.shape)}; this model takes codes of shape (N, {self.latent_size}).")
        count = by_name.count_along(z, -2) if z.shape.rank > 1 else 1
        values = by_name.tensors(self.schema, condition, self.decoder_conditions, count)
        return self._likelihood(self.latents.walk(Recall(z)), values, training)

    def mean(self, z, **condition) -> tf.Tensor:
        """The mean of p(x|z), float32 [*, *event], of codes z [*, D]."""
        return self.likelihood.mean(self.decode(z, **condition))

    def accepts(self, z: tf.Tensor) -> tf.Tensor:
        """Whether each of z [*, D] is a code that the decoder can take, bool [*]."""
        parts = self._parts_of(z)
        accepted = [family.space.accepts(part) for family, part in parts]
        return functools.reduce(tf.logical_and, accepted)

    def nearest(self, z: tf.Tensor) -> tf.Tensor:
        """The codes nearest to z [*, D] among those that this model can have, float32 [*, D]."""
        return _beside([family.space.nearest(part) for family, part in self._parts_of(z)])

    def vectors(self, z: tf.Tensor) -> tf.Tensor:
        """What the networks take for codes z [*, D], flat, float32 [*, V]: z itself, or the vectors of discrete z."""
        return _beside([family.value(part) for family, part in self._parts_of(z)])

    def _parts_of(self, z: tf.Tensor) -> list[tuple[Posterior, tf.Tensor]]:
        """The posterior of each stochastic layer, and its part of codes [*, D]."""
        families = [site.posterior for site in self.latents.sites]
        parts = tf.split(z, [family.latent_size for family in families], axis=-1)
        return list(zip(families, parts, strict=True))

    # ----- From the prior

    def draw(self, seeds: tf.Tensor, **condition) -> tf.Tensor:
        """Codes z ~ p(z), float32 [B, D]; row i depends on the integer pair `seeds[i]` alone, bit for bit.

        Rows are drawn one by one, because a matrix product of many rows gives other last bits than that of one.
        """
        seeds = tf.convert_to_tensor(seeds)
        if seeds.shape.rank != 2 or seeds.shape[-1] != 2 or not seeds.dtype.is_integer:
            raise InputError(
                f"seeds are {seeds.dtype.name} of shape {tuple(seeds.shape)}; this model takes pairs of integers, of "
                f"shape ('N', 2), such as [[0, i] for i in range(8)]."
            )
        values = by_name.tensors(self.schema, condition, self.prior_conditions, by_name.count_along(seeds, 0))
        return self._draw_function(seeds, self._context(values))

    @functools.cached_property
    def _draw_function(self):
        """Compiled, because a row takes milliseconds eagerly."""

        def one(row: tuple[tf.Tensor, ...]) -> tf.Tensor:
            seed, *context = row
            return self._generate(
                random.normal([1, self.prior_noise_size], seed), context[0][None] if context else None
            )[0]

        def draw(seeds: tf.Tensor, context: tf.Tensor | None) -> tf.Tensor:
            rows = (tf.cast(seeds, tf.int64),) if context is None else (tf.cast(seeds, tf.int64), context)
            return tf.map_fn(one, rows, fn_output_signature=tf.TensorSpec([self.latent_size]))

        return tf.function(draw, reduce_retracing=True)

    def from_noise(self, noise, **condition) -> tf.Tensor:
        """Codes z ~ p(z), float32 [B, D], made from standard normals [B, prior_noise_size], row by row."""
        noise = self._rows(noise, "noise", self.prior_noise_size, "standard normals")
        values = by_name.tensors(self.schema, condition, self.prior_conditions, by_name.count_along(noise, 0))
        return self._generate(noise, self._context(values))

    def draw_below(self, z, noise, held, **condition) -> tf.Tensor:
        """Codes whose upper layers are those of z, and the layers below them drawn: z_l ~ p(z_l|z_<l), float32 [B, D].

        `draw_below(vae.from_noise(noise), noise, held)` is `vae.from_noise(noise)`, whatever is held.

        Args:
            z: codes [B, D].
            noise: standard normals [B, prior_noise_size].
            held: how many layers keep the codes of z, from the top down: one number for all rows, or one for each.
            condition: those that the prior depends on, by name.

        Raises:
            InputError: for other shapes, or numbers of layers that the model has not.
        """
        z = self._rows(z, "z", self.latent_size, "codes")
        noise = self._rows(noise, "noise", self.prior_noise_size, "standard normals")
        held, layers = np.asarray(held), len(self.latents.sites)
        if held.dtype.kind not in "iu" or held.size == 0 or held.min() < 0 or held.max() > layers:
            raise InputError(f"held is {held.tolist()}: give whole numbers from 0 to {layers}, the model's layers.")
        if not len(z) == len(noise) or held.shape not in ((), (len(z),)):
            raise InputError(
                f"draw_below() got {len(z)} codes, {len(noise)} rows of noise and held of shape {held.shape}: give as "
                f"many of each."
            )
        values = by_name.tensors(self.schema, condition, self.prior_conditions, by_name.count_along(z, 0))
        below = Continue(z, tf.constant(np.broadcast_to(held, len(z)), tf.int32), noise, self._encode())
        self.latents.walk(below, self._context(values))
        return _beside(below.codes)

    def _rows(self, values, name: str, size: int, what: str) -> tf.Tensor:
        """An array as float32 [B, size]."""
        values = tf.cast(numbers(values, name, ("N", size)), tf.float32)
        if values.shape.rank != 2 or values.shape[-1] != size:
            raise InputError(f"{name} has shape {tuple(values.shape)}; this model takes {what} (N, {size}).")
        return values

    def _generate(self, noise: tf.Tensor, context: tf.Tensor | None) -> tf.Tensor:
        generate = Generate(noise, self._encode())
        self.latents.walk(generate, context)
        return _beside(generate.codes)

    # ----- A whole pass

    def terms(
        self, x, noise: tf.Tensor, training: bool = False, prior_noise: tf.Tensor | None = None, **condition
    ) -> Terms:
        """What one pass yields, as the objective takes it: q(z|x), p(z), the draws, p(x|z) and log p(x|z).

        Args:
            x: examples [B, *event], or a dictionary of them and of the conditions.
            noise: standard normals [K, B, noise_size].
            training: whether dropout and batch normalisation of the networks train.
            prior_noise: standard normals [B, prior_noise_size], for an objective that draws from the prior.
            condition: the conditions, by name.
        """
        x, values = self._split(x, condition, tuple(self.conditions))
        features, encode = self._features(x, values, training), self._encode(training)
        infer = self.objective.infer(features, noise, prior_noise, encode, training)
        z = self.latents.walk(infer, self._context(values), training)
        if training:
            for latent in infer.latents:
                latent.learn()
        p = self._likelihood(z, values, training)  # p(x|z)
        with tf.name_scope("likelihood/"):
            log_likelihood = self.likelihood.log_prob(p, x)  # log p(x|z), [K, B]
        return Terms(tuple(infer.latents), log_likelihood, x, p)

    # ----- The networks

    def _represent(self, x, training: bool, condition: Mapping[str, Any]) -> Represent:
        x, values = self._split(x, condition, self.encoder_conditions)
        represent = Represent(self._features(x, values, training), self._encode(training))
        self.latents.walk(represent, training=training)
        return represent

    def _features(self, x: tf.Tensor, values: ConditionValues, training: bool) -> list[tf.Tensor]:
        """The encoder's features of x [B, *event], one for each stochastic layer."""
        features = self.encoder(conditions.inputs(self.encoder, x, values), training=training)
        return features if isinstance(features, list) else [features]

    def _likelihood(self, z: tf.Tensor, values: ConditionValues, training: bool) -> tfd.Distribution:
        """p(x|z), batch [*], of what came down the walk, [*, S]: the networks see one axis of rows."""
        lead = tf.shape(z)[:-1]
        rows = tf.reshape(z, [-1, *self.decoder.inputs[0].shape[1:]])
        beside = {name: spread(values[name], lead, self.conditions[name].shape) for name in self.decoder_conditions}
        features = self.decoder(conditions.inputs(self.decoder, rows, beside), training=training)
        unflatten = lambda value: tf.reshape(value, tf.concat([lead, value.shape[1:]], 0))  # noqa: E731
        with tf.name_scope("likelihood/"):
            parameters = self.likelihood.parameters(features)
            return self.likelihood.distribution(tf.nest.map_structure(unflatten, parameters))

    def _encode(self, training: bool = False) -> Encode:
        top = self.latents.sites[0].posterior

        def posterior(x: tf.Tensor) -> tfd.Distribution:
            features = self._features(x, {}, training)[0]
            return top.distribution(top.parameters(Given(features)))

        return Encode(posterior, top.draw)

    # ----- The conditions

    def _split(self, x, condition: Mapping[str, Any], names: Sequence[str]) -> tuple[tf.Tensor, ConditionValues]:
        """x, float32 [B, *event], and the conditions of these names, by name, as tensors."""
        schema = self.schema.needing(names)
        return schema.split(schema.tensors(by_name.batch(self.schema, x, condition, names)))

    def _context(self, values: ConditionValues) -> tf.Tensor | None:
        """What the prior depends on, float32 [B, C]."""
        return conditions.context(self.conditions, values) if self.prior_conditions else None


def _beside(values: list[tf.Tensor]) -> tf.Tensor:
    return values[0] if len(values) == 1 else tf.concat(values, axis=-1)
