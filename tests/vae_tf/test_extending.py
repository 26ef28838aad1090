"""The examples of the page on extending, in a process of their own, whose classes nobody else sees."""

import pathlib
import re

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "extending.md"
RUN = """
    import pathlib

    page = {"__name__": "page"}
    for name in ("head", "metric", "schedule"):
        exec(pathlib.Path(name).read_text(), page)

    import keras
    import numpy as np

    from vae_tf import networks

    x = np.random.default_rng(0).integers(0, 2, (50, 6)).astype(np.float32)
    for options in ({"run_eagerly": True}, {"jit_compile": True, "steps_per_execution": 3}):
        keras.utils.set_random_seed(0)
        vae = page["Bright"](*networks.mlp((6,), latent_size=2, hidden=(5,)))
        vae.compile(keras.optimizers.Adam(0.03), **options)
        before = vae.head.kernel.numpy()
        logs = vae.fit(x, batch_size=10, epochs=20, validation_data=(x,), verbose=0).history
        assert logs["head_error"][-1] < logs["head_error"][0]
        terms = logs["distortion"][-1] + logs["rate"][-1] + 10 * logs["head_error"][-1]
        np.testing.assert_allclose(logs["loss"][-1], terms, rtol=1e-5)
        assert abs(vae.head.kernel.numpy() - before).min() > 0
        stop = keras.callbacks.EarlyStopping("val_head_error")
        vae.fit(x, validation_data=(x,), callbacks=[stop], verbose=0)
        vae.save("model.keras")
        loaded = keras.saving.load_model("model.keras")
        np.testing.assert_array_equal(loaded.head.kernel, vae.head.kernel)
        assert loaded.evaluate(x, verbose=0) == vae.evaluate(x, verbose=0)
        print("the head learns, is logged and is saved")

        vae = page["Measured"](*networks.mlp((6,), latent_size=2, hidden=(5,)))
        vae.compile("sgd", **options)
        right = np.sqrt(np.mean((x - vae(x).numpy()) ** 2))
        for _ in range(2):  # it is reset
            np.testing.assert_allclose(vae.evaluate(x, verbose=0, return_dict=True)["error"], right, rtol=1e-5)
        assert "val_error" in vae.fit(x, validation_data=(x,), verbose=0).history
        print("the metric is logged")

    vae = page["vae"]
    betas = []
    vae.compile("sgd", run_eagerly=True)
    for optimizer in ("sgd", None):
        vae.compile(optimizer or vae.optimizer, run_eagerly=True)
        vae.fit(x[:10], epochs=2, batch_size=10, verbose=0)
        betas.append(vae.train_on_batch(x[:10], return_dict=True)["beta"])
    np.testing.assert_allclose(betas, [0.002, 0.005], rtol=1e-6)
    print("the schedule goes on with the optimizer")
    """


def test_the_examples_of_the_page_work(tmp_path, fresh_process):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for name, block in zip(("head", "metric", "schedule"), blocks, strict=True):
        (tmp_path / name).write_text(block)
    process = fresh_process(RUN)
    said = ["the head learns, is logged and is saved", "the metric is logged"]
    assert process.stdout.splitlines() == [*said, *said, "the schedule goes on with the optimizer"], process.stderr
