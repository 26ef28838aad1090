"""What a person sees in TensorBoard, in Chromium: make test-browser.

RUNS is a folder of runs to look at, all of them evaluated; where it is not set, two small ones are trained. Where
SCREENSHOTS is set, a picture of each page is left in that folder: tensorboard-scalars.png and so on.
"""

import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vae_tf import VAE, networks, objectives
from vae_tf.training import callbacks, datasets
from vae_tf.training.watching.hyperparameters import write_results
from vae_tf.training.watching.tensorboard import tensorboard

pytestmark = pytest.mark.browser

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def train(folder: pathlib.Path, beta: float) -> None:
    """A run of three epochs on real digits."""
    arrays = datasets.load("digits-5k")
    x, held_out = (datasets.as_evaluated(part, seed=0, binarization="none") for part in (arrays.x_train, arrays.x_test))
    x, held_out, labels = x[::4], held_out[::4], arrays.y_test[::4]
    keras.utils.set_random_seed(0)
    vae = VAE(*networks.mlp((28, 28, 1), latent_size=4, hidden=(64,)), objective=objectives.ELBO(beta=beta))
    vae.compile("adam", jit_compile=True)
    decided = {"seed": 0, "model": {"latent_size": 4, "objective": {"beta": beta}}}
    watching = tensorboard(folder, held_out, labels, hyperparameters=decided)
    vae.fit(x, validation_data=(held_out,), epochs=3, batch_size=50, callbacks=watching, verbose=0)
    write_results(folder, {"log_likelihood": float(vae.log_prob(held_out[:50], samples=10).numpy().mean())})


def collapse(folder: pathlib.Path) -> None:
    """A run whose rate costs so much that its codes say nothing."""
    x = datasets.as_evaluated(datasets.load("digits-5k").x_test, seed=0, binarization="none")
    keras.utils.set_random_seed(0)
    vae = VAE(*networks.mlp((28, 28, 1), latent_size=4, hidden=(64,)), objective=objectives.ELBO(beta=1e3))
    vae.compile("adam", jit_compile=True)
    with pytest.warns(UserWarning, match="The posterior has collapsed|The rate has not been"):
        vae.fit(x, epochs=6, batch_size=50, callbacks=[callbacks.Alarms(folder, x)], verbose=0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> pathlib.Path:
    if "RUNS" in os.environ:
        return pathlib.Path(os.environ["RUNS"])
    folder = tmp_path_factory.mktemp("runs")
    for beta in (1.0, 4.0):
        train(folder / f"beta{beta:.0f}" / "tensorboard", beta)
    collapse(folder / "collapsed" / "tensorboard")
    return folder


@pytest.fixture(scope="module")
def address(runs, tmp_path_factory):
    """That of a TensorBoard on the runs."""
    log = tmp_path_factory.mktemp("log") / "tensorboard.txt"
    words = ["-m", "tensorboard.main", "--logdir", str(runs), "--host", "127.0.0.1", "--port", "0"]
    with open(log, "w") as file, subprocess.Popen([sys.executable, *words], stderr=file) as process:
        try:
            end = time.monotonic() + 120
            while not (found := re.search(r"http://127.0.0.1:\d+", log.read_text())):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.2)
            yield found[0]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or pytest.fail("There is no chromium: install it, with: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def look_at(address, chromium, tmp_path):
    """Opens a page of TensorBoard, and leaves its picture once the test has seen what it looks for.

    Nothing but TensorBoard can be reached, and the browser's console may hold no error.
    """
    page = chromium.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(120_000)
    names, errors = [], []
    page.route(lambda url: not url.startswith((address, "data:", "blob:")), lambda route: route.abort())
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))

    def look(name: str, tags: str = ""):
        names.append(name)
        page.goto(f"{address}/#{name}&tagFilter={tags}")
        return page

    yield look
    page.wait_for_timeout(1_000)  # what moves comes to rest
    page.screenshot(path=pathlib.Path(os.environ.get("SCREENSHOTS", tmp_path)) / f"tensorboard-{names[0]}.png")
    page.close()
    assert errors == []


def test_the_scalars_page_shows_the_charts(look_at):
    page = look_at("scalars", "^(loss|elbo|rate|distortion)$")
    for tag in ("loss", "elbo", "rate", "distortion"):
        chart = page.locator("tf-scalar-card").filter(has_text=f"tag: {tag}").first
        chart.locator("path.line").first.wait_for(state="attached")
        assert chart.locator("path.line").first.get_attribute("d").count(",") > 1  # points


def test_the_images_page_shows_the_pictures(look_at):
    page = look_at("images", "^(samples|reconstructions)$")
    for tag in ("samples", "reconstructions"):
        picture = page.locator("tf-image-loader").filter(has_text=f"tag: {tag}").locator("img").first
        picture.evaluate("image => image.decode()")
        assert picture.evaluate("image => image.naturalWidth") > 28


def test_the_table_shows_each_run_with_its_metrics(look_at, runs):
    page = look_at("hparams")
    table = page.locator("tf-hparams-table-view")
    folders = list(runs.rglob("hyperparameters"))
    for folder in folders:
        table.get_by_text(str(folder.relative_to(runs)), exact=True).wait_for()
        events = EventAccumulator(str(folder)).Reload()
        for tag in ("best/elbo", "final/elbo", "final/log_likelihood"):
            value = float(tf.make_ndarray(events.Tensors(tag)[-1].tensor_proto))
            table.get_by_text(f"{value:#.5g}", exact=True).first.wait_for(state="attached")
    page.get_by_text("PARALLEL COORDINATES VIEW").click()
    lines = page.locator("tf-hparams-parallel-coords-plot .foreground path")
    lines.nth(len(folders) - 1).wait_for(state="attached")
    page.get_by_text("TABLE VIEW").click()


def test_the_graph_shows_the_parts_of_the_model(look_at):
    page = look_at("graphs")
    for part in ("posterior", "likelihood", "objective"):
        page.locator("tf-graph-scene").get_by_text(part, exact=True).first.wait_for(state="attached")


def test_the_text_page_shows_what_went_wrong(look_at, runs):
    words = r"The posterior has collapsed|The rate has not been above|is no longer finite"
    if not any(path.stat().st_size > 200 for path in runs.rglob("alarms/events.out.tfevents.*")):
        pytest.skip("nothing went wrong in these runs")
    look_at("text").get_by_text(re.compile(words)).first.wait_for()


def test_the_projector_shows_the_images_at_their_codes(look_at):
    page = look_at("projector").frame_locator("iframe").frame_locator("iframe")
    page.get_by_text(re.compile(r"Points: \d+")).wait_for()
    end = time.monotonic() + 60
    while dark(page.locator("canvas").first) < 0.01:  # digits are white on black, points without images are blue
        assert time.monotonic() < end, "no image is drawn"


def dark(drawn) -> float:
    """The share of nearly black pixels."""
    with Image.open(io.BytesIO(drawn.screenshot())) as image:
        return float(np.mean(np.asarray(image.convert("L")) < 20))
