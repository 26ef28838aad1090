"""Exporters of one folder at the same time, some of them killed: python writers.py DIRECTORY KILLS EXPORTS.

One writes EXPORTS versions and prints each; KILLS others, one after the other, are killed at random moments.
"""

import os
import random
import signal
import sys
import time

import vae_tf
from vae_tf.export import export

directory, kills, exports = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def start(count: float) -> int:
    """Forks an exporter, before TensorFlow has started its threads here, and waits for its first version."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        vae = vae_tf.VAE(*vae_tf.networks.mlp((6, 6, 1), 3, hidden=(8,)))
        while count > 0:
            os.write(sys.stdout.fileno(), f"{export(vae, directory, 'digits')}\n".encode())
            os.write(writing, b".")
            count -= 1
        os._exit(0)
    os.close(writing)
    if not os.read(reading, 1):
        sys.exit("an exporter failed")
    return child


def wait_for_unfinished(deadline: float) -> None:
    """Waits until something new is there that is no version yet, so that most kills come while one is written."""
    folder = os.path.join(directory, "digits")
    before = set(os.listdir(folder))
    while time.monotonic() < deadline:
        if any(not entry.isdecimal() for entry in set(os.listdir(folder)) - before):
            return


moments = random.Random(0)
survivor = start(exports)
for _ in range(kills):
    victim = start(float("inf"))
    time.sleep(moments.uniform(0, 1))
    wait_for_unfinished(time.monotonic() + 3)
    time.sleep(moments.uniform(0, 0.2))
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(survivor, 0)[1]))
