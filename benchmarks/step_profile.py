"""Where the time of one training step goes: this library on the work "small" of `contenders/works.py`, with XLA.

The wall clock of executions of 500 steps, as in `fit`, is parted in two: collecting and stacking the batches, and the
compiled loop. TensorFlow's profiler then records 100 steps of the loop, kernel by kernel; what a kernel is for is read
off the name of its TensorFlow operation, which XLA's dump of the module tells. Kernels overlap where both cores work,
and recording takes time, so their times are scaled to add up to the wall clock of the loop.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import statistics
import tempfile
import time

from machine import machine
from rich.console import Console
from rich.table import Table
from speed import HERE

STEPS = 500  # of an execution
PROFILED = 100
EXECUTIONS = 7
PICTURE = HERE.parent / "docs" / "pictures" / "step-profile.png"
INPUT, OTHER = "input, outside the loop", "KL, logs, other"
GROUPS = {
    "matrix products": r"^(MatMul|dot)",
    "copies of weights": r"^copy",
    "optimizer (Adam)": r"/adam/",
    "log-likelihood": r"/log_prob/",
    "noise (Philox)": r"Random",
    "activations, biases": r"Tanh|BiasAdd|dense|encoder|decoder",
}  # the first whose pattern is in "kernel operation"


def profile(folder: pathlib.Path) -> dict[str, float]:
    """Microseconds of a step, group by group."""
    os.environ["XLA_FLAGS"] = f"--xla_dump_to={folder} --xla_dump_hlo_as_text"  # before TensorFlow is loaded
    import tensorflow as tf

    loop, batches = training()
    run, ran = loop._run, []

    def timed(*arguments):
        start = time.perf_counter()
        logs = run(*arguments)
        float(logs["loss"])  # it is computed by then
        ran.append(time.perf_counter() - start)
        return logs

    loop._run = timed
    inputs, running = [], []
    for _ in range(EXECUTIONS + 1):
        ran.clear()
        start = time.perf_counter()
        loop(batches)
        running.append(sum(ran))
        inputs.append(time.perf_counter() - start - running[-1])
    loop.begin(PROFILED)
    options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=3)
    with tf.profiler.experimental.Profile(str(folder), options):
        loop(batches)

    groups = dict.fromkeys((INPUT, *GROUPS, OTHER), 0.0)
    operations = operations_of_kernels(folder)
    for kernel, duration in durations_of_kernels(folder).items():
        if kernel in operations and not kernel.startswith("while"):  # a while is the sum of others
            groups[group(kernel, operations[kernel])] += duration
    scale = statistics.median(running[1:]) / sum(groups.values())  # the first of them compiles
    groups = {name: duration * scale for name, duration in groups.items()}
    groups[INPUT] += statistics.median(inputs[1:])
    return {name: seconds / STEPS * 1e6 for name, seconds in groups.items()}


def training():
    """The loop that `fit` would call, and the iterator that it would give it."""
    import keras
    from contenders.works import WORKS, images

    from vae_tf import VAE, networks
    from vae_tf.training import datasets

    work = WORKS["small"]
    keras.utils.set_random_seed(0)
    parts = networks.mlp((28, 28, 1), latent_size=work.latent_size, hidden=work.hidden, activation=work.activation)
    vae = VAE(*parts)
    vae.compile(keras.optimizers.Adam(1e-3), jit_compile=True, steps_per_execution=STEPS)
    batches = datasets.training_batches(images(work), work.batch_size, seed=0, binarization="dynamic")
    return vae.make_train_function(), iter(batches)


def durations_of_kernels(folder: pathlib.Path) -> dict[str, float]:
    """Summed over the recorded steps and the threads that compute."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    (path,) = folder.rglob("*.xplane.pb")
    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    durations = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            if "Eigen" in line.name:
                for event in line.events:
                    durations[plane.event_metadata[event.metadata_id].name] += event.duration_ps
    return durations


def operations_of_kernels(folder: pathlib.Path) -> dict[str, str]:
    """The TensorFlow operation of each of XLA's instructions, by its dump; empty where it made one up itself."""
    (path,) = folder.glob("*_inference_loop_*.cpu_after_optimizations.txt")
    instruction = re.compile(r'^ +(?:ROOT )?%(\S+) = (?:.*op_name="([^"]*)")?', re.MULTILINE)
    return dict(instruction.findall(path.read_text(encoding="utf-8")))


def group(kernel: str, operation: str) -> str:
    said = f"{kernel} {operation}"
    return next((name for name, pattern in GROUPS.items() if re.search(pattern, said)), OTHER)


def draw(groups: dict[str, float], path: pathlib.Path) -> None:
    """A bar for each group, the longest on top."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    total = sum(groups.values())
    names = sorted(groups, key=groups.get)
    figure, axes = plt.subplots(figsize=(8, 0.42 * len(names) + 1.1), layout="constrained")
    colours = ["#9aa5b1" if name == INPUT else "#2f6f9f" for name in names]
    bars = axes.barh(names, [groups[name] for name in names], color=colours, height=0.7)
    axes.bar_label(bars, [f"{groups[name]:,.0f} µs   {groups[name] / total:.0%}" for name in names], padding=5)
    axes.set_title(f"One training step: {total:,.0f} µs (784-200-200-50, batch 20, two cores)", loc="left", fontsize=11)
    axes.set_xlim(0, 1.26 * max(groups.values()))
    axes.set_xlabel("microseconds of a step")
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=120)


def table(groups: dict[str, float]) -> Table:
    total = sum(groups.values())
    drawn = Table(title=f"One training step of the work small: {total:,.0f} microseconds")
    for column in ("part", "microseconds", "share"):
        drawn.add_column(column, justify="left" if column == "part" else "right")
    for name, microseconds in sorted(groups.items(), key=lambda row: -row[1]):
        drawn.add_row(name, f"{microseconds:,.0f}", f"{microseconds / total:.0%}")
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="mnist", help="mnist (Keras's download), or an .npz in its layout")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "step_profile.json")
    parser.add_argument("--picture", type=pathlib.Path, default=PICTURE)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    os.environ["BENCHMARK_DATA"] = arguments.data
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as folder:
        groups = profile(pathlib.Path(folder))
    Console().print(table(groups))
    draw(groups, arguments.picture)
    results = {"machine": machine(), "steps_per_execution": STEPS, "microseconds_per_step": groups}
    arguments.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
