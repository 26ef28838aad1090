"""No model: the matrix products of a step's forward and backward pass, alone, in one XLA loop. A bound from above."""

import itertools

import keras
import tensorflow as tf
from turns import ENDLESS, Turns
from works import chosen

work, _ = chosen()
sizes = [784, *work.hidden, 2 * work.latent_size]
encoder = list(itertools.pairwise(sizes))
sizes = [work.latent_size, *reversed(work.hidden), 784]
decoder = list(itertools.pairwise(sizes))
weights = [tf.random.stateless_normal(pair, [0, i]) / 30 for i, pair in enumerate(encoder + decoder)]
images = tf.random.stateless_uniform([100, work.batch_size, 784], [1, 0])


def products(x):
    """Each layer's output, and the products for the gradients of its kernel and, but for the first, its input."""
    inputs = []
    h = x
    for i, kernel in enumerate(weights):
        if i == len(encoder):
            h = h[:, : work.latent_size]
        inputs.append(h)
        h = h @ kernel
    gradients = []
    for i, (kernel, value) in reversed(list(enumerate(zip(weights, inputs, strict=True)))):
        gradients.append(tf.matmul(value, h, transpose_a=True))
        if i:
            h = tf.matmul(h, kernel, transpose_b=True)
        if i == len(encoder):
            h = tf.concat([h, h], 1)
    return gradients[::-1]


@tf.function(jit_compile=True, autograph=False)
def epoch():
    return tf.while_loop(
        lambda i, *_: i < work.steps,
        lambda i, *_: (i + 1, *products(images[i % 100])),
        [tf.constant(0), *[tf.zeros(pair) for pair in encoder + decoder]],
    )


keras.utils.set_random_seed(0)
turns = Turns(work.steps, work.batch_size)
for _ in range(ENDLESS):
    turns.wait()
    epoch()[0].numpy()
    turns.tell(0)
