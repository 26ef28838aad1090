"""One measurement of `memory.py`: trains for an epoch, and says how much memory was resident, stage by stage.

Variants: "vae_tf", a run from the file to the checkpoint; or one of `keras_example.py`. The third word is the file.
"""

import functools
import json
import pathlib
import re
import sys
import tempfile

import keras
import keras_example
import numpy as np
import yaml
from works import chosen

from vae_tf import VAE, training

work, variant = chosen()
data = sys.argv[3]
stages: dict[str, list[float]] = {}


def note(stage: str) -> None:
    """Resident memory now, and the highest so far, MB."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    stages[stage] = [int(re.search(rf"{key}:\s+(\d+)", status)[1]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM")]


def noted(owner: type, name: str, stage: str) -> None:
    """Notes a stage whenever a method returns."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def noting(*args, **kwargs):
        result = method(*args, **kwargs)
        note(stage)
        return result

    setattr(owner, name, noting)


note("imported")
keras.utils.set_random_seed(0)
if variant == "vae_tf":
    noted(training.Run, "data", "data loaded and split")
    noted(training.Run, "_compiled", "model built")
    noted(training.Run, "_callbacks", "images to draw chosen")
    noted(VAE, "make_test_function", "epoch trained")
    noted(VAE, "evaluate", "validated")
    recipe = {
        "data": data,
        "epochs": 1,
        "batch_size": work.batch_size,
        "jit_compile": True,
        "steps_per_execution": 100,
        "model": {
            "networks": {"class_path": "MLP", "init_args": {"hidden": list(work.hidden)}},
            "latent_size": work.latent_size,
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
        training.Run(pathlib.Path(folder) / "run").train(*training.read(str(path)))
else:
    x = np.load(data)["x_train"][..., None] / np.float32(255)
    model = keras_example.Example()
    model.compile(keras.optimizers.Adam(1e-3), **keras_example.SETTINGS[variant])
    model.fit(x, batch_size=work.batch_size, verbose=0)
note("end")
print(json.dumps(stages))
