"""The posterior of a codebook."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from vae_tf.errors import InputError
from vae_tf.posteriors.discrete_codes import looked_up
from vae_tf.posteriors.quantized import Quantized
from vae_tf.sizes import size

ROUNDS = 10  # of k-means, with which the codebook starts
RARE = 0.01  # a code that is chosen less often than this share of the mean is started anew
SMALLEST = 1e-5


@keras.saving.register_keras_serializable("vae_tf")
class VectorQuantized(Quantized):
    """The posterior of a codebook: the nearest of many learned vectors stands for each place of x.

    z_i = argmin_c |vector_i(x) - codebook_c|,  vector(x) = linear(features)

    The codebook is the moving average of the vectors that choose each code, so no gradient trains it:

    count_c <- decay count_c + (1 - decay) n_c,  sum_c <- decay sum_c + (1 - decay) sum of the n_c vectors
    codebook_c = sum_c / count_c

    It starts as the k-means of the first batch. A code that is hardly ever chosen takes the place of a vector of the
    batch, and its averages start anew with it. Training adds `commitment |vector(x) - codebook_z|^2` to the loss of an
    example, summed over its places, which keeps the vectors near the codebook.

    Source: van den Oord et al. (2017), "Neural discrete representation learning", equations 1 to 3 and appendix A.1;
    codes that start anew: Dhariwal et al. (2020), "Jukebox", section 3.

    Args:
        latent_size: D, the whole numbers of a code, or the shape of a grid of them, such as (7, 7).
        codes: of the codebook.
        width: of its vectors.
        commitment: the weight of the distance to the codebook, at least 0.
        decay: of the moving averages, in (0, 1).
        name: the layer's name.

    Raises:
        InputError: for other sizes, weights or decays.
    """

    def __init__(
        self,
        latent_size: int | Sequence[int],
        codes: int = 512,
        width: int = 64,
        commitment: float = 0.25,
        decay: float = 0.99,
        name: str | None = None,
    ):
        super().__init__(latent_size, codes, size("VectorQuantized", "width", width), name)
        if not commitment >= 0:
            raise InputError(f"VectorQuantized got commitment={commitment!r}: give a number of at least 0.")
        if not 0 < decay < 1:
            raise InputError(f"VectorQuantized got decay={decay!r}: give a number between 0 and 1, such as 0.99.")
        self.commitment, self.decay = commitment, decay

    def build(self, features_shape):
        """Creates the projection for features [B, *], the codebook and its moving averages."""
        super().build(features_shape)
        shape = (self.codes, self.width)
        start = keras.initializers.RandomNormal(stddev=1.0)
        self.codebook = self.add_weight(name="codebook", shape=shape, initializer=start, trainable=False)
        self.sums = self.add_weight(name="sums", shape=shape, initializer="zeros", trainable=False)
        self.counts = self.add_weight(name="counts", shape=(self.codes,), initializer="zeros", trainable=False)
        self.started = self.add_weight(name="started", shape=(), initializer="zeros", trainable=False)

    def number(self, vectors: tf.Tensor) -> tf.Tensor:
        """The number of the code nearest to each vector, float32 [*, D]."""
        return tf.cast(_nearest(vectors, self.codebook.value), tf.float32)

    def vector(self, z: tf.Tensor) -> tf.Tensor:
        """The vector of each whole number, float32 [*, D, width]."""
        return looked_up(self.codebook.value, z)

    def penalty(self, q: tfd.Distribution) -> tf.Tensor:
        """commitment |vector(x) - codebook_z|^2, summed over the places, float32 [B]."""
        distance = q.vector - tf.stop_gradient(self.vector(q.number))
        return self.commitment * tf.reduce_sum(distance**2, axis=[-2, -1])

    def learn(self, q: tfd.Distribution) -> None:
        """Takes the vectors of a training step into the moving averages."""
        vectors = _of_all_replicas(tf.reshape(tf.stop_gradient(q.vector), [-1, self.width]))  # [N, width]
        number = tf.cond(  # of the code that each vector chooses
            self.started > 0,
            lambda: _nearest(vectors, self.codebook.value),
            lambda: _nearest(vectors, _k_means(vectors, self.codes)),
        )
        chosen = tf.one_hot(number, self.codes)  # [N, codes]
        found, sums = tf.reduce_sum(chosen, axis=0), tf.matmul(chosen, vectors, transpose_a=True)
        decay = tf.where(self.started > 0, self.decay, 0.0)
        counts = decay * self.counts + (1 - decay) * found
        sums = decay * self.sums + (1 - decay) * sums
        mean = tf.reduce_mean(counts)
        is_rare = counts < RARE * mean
        fresh = _spread(vectors, self.codes)  # of this batch, one for each code
        sums = tf.where(is_rare[:, None], mean * fresh, sums)
        counts = tf.where(is_rare, mean, counts)
        self.codebook.assign(sums / tf.maximum(counts, SMALLEST)[:, None])
        self.sums.assign(sums)
        self.counts.assign(counts)
        self.started.assign(1.0)


def _of_all_replicas(values: tf.Tensor) -> tf.Tensor:
    """The rows of all devices that train together, one device's after another's: each then learns the same."""
    replica = tf.distribute.get_replica_context()
    return replica.all_gather(values, axis=0) if replica.num_replicas_in_sync > 1 else values


def _nearest(vectors: tf.Tensor, codebook: tf.Tensor) -> tf.Tensor:
    """argmin_c |vector - codebook_c|, int32 [*], of vectors [*, width]."""
    distances = tf.reduce_sum(codebook**2, axis=-1) - 2 * tf.matmul(vectors, codebook, transpose_b=True)
    return tf.argmin(distances, axis=-1, output_type=tf.int32)  # |vector|^2, which is left out, decides nothing


def _spread(vectors: tf.Tensor, count: int) -> tf.Tensor:
    """`count` of the vectors [N, width], spread evenly over them, and over again if there are fewer."""
    places = tf.cast(tf.range(count), tf.float32) * (tf.cast(tf.shape(vectors)[0], tf.float32) / count)
    return tf.gather(vectors, tf.cast(places, tf.int32))


def _k_means(vectors: tf.Tensor, count: int) -> tf.Tensor:
    """`count` centres of vectors [N, width], float32 [count, width], by Lloyd's rounds from some of the vectors."""

    def closer(centres: tf.Tensor) -> tf.Tensor:
        chosen = tf.one_hot(_nearest(vectors, centres), count)
        found = tf.reduce_sum(chosen, axis=0)[:, None]
        means = tf.math.divide_no_nan(tf.matmul(chosen, vectors, transpose_a=True), found)
        return tf.where(found > 0, means, centres)

    (centres,) = tf.while_loop(
        lambda _: True, lambda centres: (closer(centres),), (_spread(vectors, count),), maximum_iterations=ROUNDS
    )
    return centres
