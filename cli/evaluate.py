"""`vae-tf evaluate`: the measures of a run on its test set."""

import argparse
from typing import Any

SHOWN = 20  # of many values
HELP = "Measure a trained run on its test set."
SECTIONS = {  # of the table, and the measures of each: the key in the results, and what its row is called
    "Likelihood": {
        "log_likelihood": "log p(x), at least",
        "log_likelihood_standard_error_images": "  error over images",
        "log_likelihood_standard_error_draws": "  error over draws",
        "importance_samples": "importance samples",
        "effective_sample_size": "effective sample size",
        "effective_sample_size_lowest_tenth": "  of the lowest tenth",
        "log_likelihood_shortfall": "too low by about",
        "bits_per_dimension": "bits per dimension",
    },
    "Bound": {
        "elbo": "elbo",
        "rate": "rate",
        "distortion": "distortion",
        "mutual_information": "mutual information of x and z",
        "mutual_information_standard_error": "  error over draws",
        "marginal_kl": "KL[ q(z) || p(z) ]",
        "marginal_kl_standard_error": "  error over draws",
        "rate_by_rung": "rate of each rung, from the top",
        "kl_per_dimension": "KL per dimension, falling",
    },
    "Codes and reconstructions": {
        "active_units": "active units",
        "perplexity": "perplexity of the codes",
        "codes_in_use": "codes in use",
        "codes_in_use_share": "  share of all codes",
        "dead_codes": "codes that no training example has",
        "reconstruction_error": "mean squared error",
        "linear_probe_accuracy": "linear probe, accuracy",
        "linear_probe_accuracy_standard_error": "  error over images",
        "mutual_information_gap": "mutual information gap",
        "mutual_information_gap_of_factors": "  of each factor",
    },
    "Conditions": {
        "conditions": "names",
        "label_accuracy": "labels by Bayes' rule, accuracy",
        "label_accuracy_standard_error": "  error over images",
        "label_accuracy_examples": "  images",
        "label_accuracy_importance_samples": "  importance samples",
    },
    "Samples": {
        "frechet_distance": "Fréchet distance",
        "kernel_distance": "kernel distance",
        "kernel_distance_standard_error": "  error",
        "features": "features",
        "compared_samples": "samples compared",
    },
    "Test set": {"data": "data", "examples": "examples", "binarization": "binarization", "seed": "seed"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("directory", metavar="RUN", help="a directory that `vae-tf train` has made")
    parser.add_argument("--samples", type=int, help="importance samples of each example (5000)")
    parser.add_argument("--data", metavar="SOURCE", help="the source whose test set is measured (that of the run)")
    parser.add_argument(
        "--binarization", choices=("none", "static", "dynamic"), help="of the test set (that of the run)"
    )
    parser.add_argument(
        "--features",
        metavar="auto|inception|classifier|FILE.keras",
        help="compare samples with the test images, in this feature space",
    )


def run(arguments: argparse.Namespace) -> int:
    """Writes RUN/results.json and prints it as a table."""
    import sys

    import rich
    from rich.table import Table
    from rich.text import Text

    from vae_tf import training

    the_run = training.Run(arguments.directory)
    results = the_run.measure(
        arguments.samples,
        data=arguments.data,
        binarization=arguments.binarization,
        features=arguments.features,
    )
    table = Table("measure", "value", title=f"{the_run.directory}, test set; nats", title_justify="left")
    for section, rows in SECTIONS.items():
        there = [key for key in rows if results.get(key) is not None]
        if there:
            table.add_row(f"[bold]{section}")
            for key in there:
                value = sorted(results[key], reverse=True) if key == "kl_per_dimension" else results[key]
                table.add_row(Text(name(rows[key], results)), text(value))
            table.add_section()
    rich.print(table)
    for note in results["notes"]:
        print(f"note: {note}")
    sys.stdout.flush()
    the_run.keep(results)
    print(the_run.results)
    return 0


def name(row: str, results: dict[str, Any]) -> str:
    """What a row is called: of a model with conditions, likelihoods are those of p(x|conditions)."""
    return row.replace("p(x)", f"p(x|{', '.join(results['conditions'])})") if "conditions" in results else row


def text(value: Any) -> str:
    """A measure as a person reads it; of many values, the first 20."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3g}"
    if isinstance(value, list):
        shown = " ".join(f"{each:.2f}" for each in value[:SHOWN])
        return shown if len(value) <= SHOWN else f"{shown} ... ({len(value):,} in all)"
    if isinstance(value, dict):
        return ", ".join(f"{name} {each:.2f}" for name, each in value.items())
    return str(value)
