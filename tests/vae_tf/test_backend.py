import pytest


@pytest.mark.parametrize("backend", ["jax", "torch", "numpy"])
def test_another_backend_is_refused_by_name(fresh_process, backend):
    process = fresh_process("import vae_tf", KERAS_BACKEND=backend)
    assert process.returncode == 1
    assert process.stderr.strip().splitlines()[-1] == (
        f'vae_tf.errors.InputError: Keras runs on the backend "{backend}", but vae_tf needs "tensorflow": set the '
        f'environment variable KERAS_BACKEND=tensorflow, or "backend" in ~/.keras/keras.json.'
    )
