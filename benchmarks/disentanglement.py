"""The mutual information gap of `vae` and `beta-tcvae` on sprites, with the same networks and budget, over three seeds.

    python benchmarks/disentanglement.py --picture docs/pictures/sprites.png

Each run is a process of its own, with one thread; one that is done is not repeated, so the command can be stopped and
given again. The last table is in docs/disentanglement.md, its figures in benchmarks/results/disentanglement.json.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
from machine import machine, with_one_thread

HERE = pathlib.Path(__file__).parent
PRESETS = ("vae", "beta-tcvae")
SEEDS = 3
SETTINGS = (
    "--data=sprites", "--binarization=none", "--batch_size=128", "--model.latent_size=10",
    "--model.networks=MLP", "--model.networks.hidden=[400,300]", "--optimizer.learning_rate=1e-3",
)  # fmt: skip
STEPS_TOGETHER = 95  # steps of an execution, a third of an epoch's


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument(
        "--runs", type=pathlib.Path, default=pathlib.Path("runs/disentanglement"), help="where the runs are kept"
    )
    parser.add_argument("--picture", type=pathlib.Path, help="where to draw some sprites")
    parser.add_argument("--one", nargs=2, metavar=("PRESET", "SEED"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        train(arguments, arguments.one[0], int(arguments.one[1]))
        return
    if arguments.picture:
        draw(arguments.picture)
    for seed in range(SEEDS):
        for preset in PRESETS:
            start(arguments, preset, seed)
    write(arguments)


def start(arguments: argparse.Namespace, preset: str, seed: int) -> None:
    """Runs one training and its evaluation in a process of its own, unless it is there."""
    if (arguments.runs / f"{preset}-{seed}.json").is_file():
        return
    words = ["--one", preset, str(seed), "--epochs", str(arguments.epochs), "--runs", str(arguments.runs)]
    ran = with_one_thread(__file__, *words)
    print(ran.stdout, end="", flush=True)
    if ran.returncode:
        sys.exit(ran.stderr)


def train(arguments: argparse.Namespace, preset: str, seed: int) -> None:
    """One run: trains, measures on the test set, and keeps both."""
    from vae_tf import training
    from vae_tf.training import datasets, evaluation

    arguments.runs.mkdir(parents=True, exist_ok=True)
    settings, _ = training.read(preset, [*SETTINGS, f"--seed={seed}"])
    data = datasets.load(settings.data)
    vae = settings.build(data.x_train.shape[1:], examples=len(data.x_train))
    vae.compile(settings.optimizer(), jit_compile=True, steps_per_execution=STEPS_TOGETHER)
    batches = datasets.training_batches(data.x_train, settings.batch_size, seed=seed, binarization="none")
    steps = datasets.steps_per_epoch(len(data.x_train), settings.batch_size)
    begun = time.monotonic()
    vae.fit(batches, epochs=arguments.epochs, steps_per_epoch=steps, shuffle=False, verbose=0)
    minutes = (time.monotonic() - begun) / 60
    vae.save(arguments.runs / f"{preset}-{seed}.keras")

    test = datasets.evaluation_batches(data.x_test, 500, seed=0, binarization="none")
    logs = vae.evaluate(test, return_dict=True, verbose=0)
    codes = evaluation.codes(vae, datasets.as_evaluated(data.x_test, seed=0, binarization="none"))
    gaps = evaluation.mutual_information_gap(codes, data.factors_test)
    results = {"preset": preset, "seed": seed, "epochs": arguments.epochs, "training_minutes": minutes}
    results |= {"gap": float(np.mean(list(gaps.values()))), "gap_of_factors": gaps}
    results |= {key: float(logs[key]) for key in ("elbo", "rate", "distortion")}
    results |= {"active_units": evaluation.active_units(codes)}
    (arguments.runs / f"{preset}-{seed}.json").write_text(json.dumps(results), encoding="utf-8")
    print(f"{preset}, seed {seed}: a gap of {results['gap']:.3f} after {minutes:.1f} minutes", flush=True)


def write(arguments: argparse.Namespace) -> None:
    """The table of the runs, and its figures as JSON."""
    paths = [arguments.runs / f"{preset}-{seed}.json" for preset in PRESETS for seed in range(SEEDS)]
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    rows = [summary([run for run in runs if run["preset"] == preset]) for preset in PRESETS]
    factors = list(rows[0]["gap_of_factors"])
    print(f"| model | {' | '.join(factors)} | gap | by seed | elbo | rate | active units | minutes |")
    print("|---" * (len(factors) + 7) + "|")
    for row in rows:
        parts = [f"{row['gap_of_factors'][name]:.3f}" for name in factors]
        parts += [f"{row['gap']:.3f} ± {row['gap_standard_error']:.3f}"]
        parts += [", ".join(f"{gap:.3f}" for gap in row["gap_by_seed"])]
        parts += [f"{row[name]:.1f}" for name in ("elbo", "rate", "active_units", "training_minutes")]
        print(f"| `{row['preset']}` | {' | '.join(parts)} |")
    about = {"machine": machine(), "settings": SETTINGS, "rows": rows, "runs": runs}
    (HERE / "results" / "disentanglement.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def summary(runs: list[dict]) -> dict:
    """The means over the seeds of one preset, and the standard error of the gap's."""
    gaps = [run["gap"] for run in runs]
    row = {"preset": runs[0]["preset"], "epochs": runs[0]["epochs"], "gap_by_seed": gaps}
    for name in ("gap", "elbo", "rate", "distortion", "active_units", "training_minutes"):
        row[name] = float(np.mean([run[name] for run in runs]))
    row["gap_standard_error"] = float(np.std(gaps, ddof=1) / np.sqrt(len(gaps)))
    factors = runs[0]["gap_of_factors"]
    row["gap_of_factors"] = {name: float(np.mean([run["gap_of_factors"][name] for run in runs])) for name in factors}
    return row


def draw(path: pathlib.Path) -> None:
    """Three rows of the test set."""
    from vae_tf.training import datasets
    from vae_tf.training.watching import grids

    x = datasets.load("sprites").x_test[:48]
    grids.write(grids.grid(x / np.float32(255), columns=16), path)


if __name__ == "__main__":
    main()
