"""Makes the golden SavedModel: `python tests/golden/saved_model_make.py`, once, when the served contract grows."""

import pathlib
import shutil

import keras
import numpy as np

from vae_tf import VAE, networks
from vae_tf.export import export

FOLDER = pathlib.Path(__file__).parent / "saved_model"


def main() -> None:
    keras.utils.set_random_seed(0)
    vae = VAE(*networks.conv((4, 4, 1), 2, filters=(2,), hidden=4))
    rng = np.random.default_rng(0)
    for weight in vae.trainable_weights:  # biases start as zeros
        weight.assign(weight + rng.normal(0, 0.1, weight.shape))
    shutil.rmtree(FOLDER, ignore_errors=True)
    export(vae, FOLDER, "digits")
    for config in FOLDER.glob("*.config"):  # of no server
        config.unlink()


if __name__ == "__main__":
    main()
