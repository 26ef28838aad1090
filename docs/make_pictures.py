"""Draws the picture of the README that sets an autoencoder beside a VAE of the same networks.

python docs/make_pictures.py [FOLDER]   (a few minutes; the folder keeps the two runs)
"""

import pathlib
import sys

import matplotlib
import numpy as np

matplotlib.use("agg")
from matplotlib import pyplot as plt

from vae_tf import training
from vae_tf.training.watching import grids

OUT = pathlib.Path(__file__).parent / "pictures" / "autoencoder-and-vae.png"
RECIPES = {"autoencoder": "An autoencoder", "digits": "A VAE of the same networks"}


def main(folder: str = "runs/two-dimensional") -> None:
    figure, axes = plt.subplots(2, 2, figsize=(9, 9), layout="constrained")
    for row, (name, title) in zip(axes, RECIPES.items(), strict=True):
        settings, decided = training.read(name, ["--model.latent_size=2"])
        run = training.Run(pathlib.Path(folder) / name)
        vae = run.train(settings, decided, "overwrite" if run.directory.exists() else "refuse")
        splits = run.data(settings)
        codes = vae.represent(splits.x_test / np.float32(255)).z

        dots = row[0].scatter(*codes.numpy().T, c=splits.y_test, cmap="tab10", s=6)
        row[0].set_title(f"{title}: codes of the test images")
        row[0].set_aspect("equal", "datalim")
        row[0].add_patch(plt.Circle((0, 0), 2, fill=False, linestyle=":"))
        figure.colorbar(dots, ax=row[0], ticks=range(10), shrink=0.7, label="digit")

        row[1].imshow(grids.samples(vae)[..., 0], cmap="gray", vmin=0, vmax=255)
        row[1].set_title("decoded from z ~ N(0, I)")
        row[1].axis("off")
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT, dpi=90)
    print(OUT)


if __name__ == "__main__":
    main(*sys.argv[1:])
