"""Makes the golden model and its answers: `python tests/golden/make.py`, once, when the format changes on purpose."""

import pathlib

import keras
import numpy as np
import tensorflow as tf

from vae_tf import VAE, likelihoods, networks, objectives, schedules

HERE = pathlib.Path(__file__).parent


def main() -> None:
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).random((20, 6)).astype(np.float32)
    vae = VAE(
        *networks.mlp((6,), latent_size=2, hidden=(5,)),
        likelihood=likelihoods.Normal((6,), scale="shared"),
        objective=objectives.ELBO(beta=schedules.Linear(0, 1, 8), samples=2),
        seed=11,
    )
    vae.compile(keras.optimizers.Adam(0.05))
    vae.fit(x, batch_size=10, epochs=2, shuffle=False, verbose=0)
    vae.save(HERE / "model.keras")
    q, p = vae.encode(x), vae.decode(x[:, :2])
    np.savez(
        HERE / "answers.npz",
        x=x,
        encoded_mean=q.mean(),
        encoded_stddev=q.stddev(),
        decoded_mean=p.mean(),
        decoded_log_prob=p.log_prob(x),
        codes=vae.draw(tf.stack([tf.fill([64], 7), tf.range(64)], axis=1)),
        samples=vae.sample(64, seed=7),
        log_prob=vae.log_prob(x, samples=10, seed=3),
    )


if __name__ == "__main__":
    main()
