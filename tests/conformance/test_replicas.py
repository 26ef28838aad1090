"""What every class does on several devices; see `CASES` in conftest.py."""

import pathlib

import pytest

# By definition, the loss of an example depends on the others of its device.
COUPLED = ("FreeBits", "TotalCorrelation", "DIP", "MaximumMeanDiscrepancy")

SCRIPT = """
    import runpy

    import keras, numpy as np, tensorflow as tf

    cpu, = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from vae_tf import random

    # Numbers that do not depend on the replica.
    random.normal = lambda shape, seed: tf.ones(shape) * tf.sin(1 + tf.range(tf.cast(shape[-1], tf.float32)))
    lines = runpy.run_path({conftest!r})
    x = np.random.default_rng(0).integers(0, 2, (20, *lines["EVENT_SHAPE"])).astype(np.float32)
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    def trained(build, strategy):
        with strategy.scope():
            keras.utils.set_random_seed(1)
            vae = build()
            vae.compile(keras.optimizers.SGD(0.01))
        vae.fit(lines["batch_of"](vae, x), batch_size=20, shuffle=False, verbose=0)
        return vae

    for name, build in list(lines["CASES"].items())[{first}::{step}]:
        two, one = trained(build, mirrored), trained(build, tf.distribute.get_strategy())
        if type(one.objective).__name__ in {coupled!r}:
            assert all(np.isfinite(weight).all() for weight in two.get_weights()), name
            continue
        for ours, theirs in zip(two.weights, one.weights, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5, err_msg=f"{{name}}: {{ours.path}}")
        print(name)
"""


PROCESSES = 4


def uncoupled(lines) -> list[str]:
    return [line for line in lines if not any(name.split()[0] in COUPLED for name in line.split(", "))]


@pytest.mark.parametrize("first", range(PROCESSES))
def test_two_replicas_train_as_one_device(fresh_process, cases, first):
    conftest = str(pathlib.Path(__file__).with_name("conftest.py"))
    process = fresh_process(SCRIPT.format(conftest=conftest, coupled=COUPLED, first=first, step=PROCESSES))
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines() == uncoupled(cases[first::PROCESSES])


def test_every_class_is_compared_but_those_that_couple_a_batch(cases, covered):
    compared = {name.split()[0] for line in uncoupled(cases) for name in line.split(", ")}
    assert covered - compared - {"i", "ii"} == set(COUPLED)
