"""Exports onto a disk that takes ever less, and prints what came of it as JSON: python full_disk.py DIRECTORY."""

import json
import os
import pathlib
import resource
import sys

import vae_tf
from vae_tf.export import export

directory = pathlib.Path(sys.argv[1])
vae = vae_tf.VAE(*vae_tf.networks.mlp((12, 12, 1), 3, hidden=(8,)))
first = export(vae, directory, "digits")
sizes = {file.relative_to(first).as_posix(): file.stat().st_size for file in first.rglob("*") if file.is_file()}
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
attempts = []
for size in sorted(set(sizes.values())):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, hard))  # Python ignores SIGXFSZ: a write fails
    try:
        message = f"published {export(vae, directory, 'digits')}"
    except OSError as error:
        message = str(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    attempts.append({"limit": size - 1, "message": message, "there": sorted(os.listdir(directory / "digits"))})
json.dump({"attempts": attempts, "then": str(export(vae, directory, "digits"))}, sys.stdout)
