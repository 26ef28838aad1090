"""What the last bits of a run depend on, beside its recipe and its data."""

import json
import os
import pathlib
import platform
import warnings
from typing import Any

import keras
import tensorflow as tf

from vae_tf.atomic import replacing

WORDS = {
    "processor": "processor",
    "processors": "number of processors",
    "intra_op_threads": "number of threads of an operation",
    "inter_op_threads": "number of operations at a time",
    "compiler": "compiler",
    "onednn": "setting of TF_ENABLE_ONEDNN_OPTS",
    "devices": "devices",
    "tensorflow": "version of TensorFlow",
    "keras": "version of Keras",
}


def machine(jit_compile: bool) -> dict[str, Any]:
    """What this process computes with: processor, threads, compiler, devices and versions."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = tf.config.threading
    intra = threads.get_intra_op_parallelism_threads() or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0)
    inter = threads.get_inter_op_parallelism_threads() or int(os.environ.get("TF_NUM_INTEROP_THREADS") or 0)
    return {
        "processor": _processor(),
        "processors": processors,
        "intra_op_threads": intra or processors,
        "inter_op_threads": inter or processors,
        "compiler": "XLA" if jit_compile else "none",
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "devices": [device.name for device in tf.config.list_logical_devices()],
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def record(path: pathlib.Path, here: dict[str, Any], epoch: int, step: int) -> None:
    """Notes on which machine a run goes on; one that begins has no file yet.

    The file is a list: each part of the run that was trained on another machine, and where it began.

    Warns:
        UserWarning: if a run goes on with something else than before.
    """
    parts = _read(path) if epoch or step else []
    before = parts[-1] if parts else {}
    changed = [
        f"{WORDS[key]} ({before[key]}, now {here[key]})" for key in here if before.get(key, here[key]) != here[key]
    ]
    if changed:
        warnings.warn(
            f"The run goes on with another {', another '.join(changed)}: its last bits, and so its weights, will not "
            f"be those of a run in one go.",
            stacklevel=2,
        )
    if changed or not parts:
        with replacing(path) as partial:
            parts = [*parts, {"epoch": epoch, "step": step, **here}]
            partial.write_text(json.dumps(parts, indent=2) + "\n", encoding="utf-8")


def _read(path: pathlib.Path) -> list[dict[str, Any]]:
    """The parts so far; none if the file is not there, or is damaged: it decides nothing."""
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    whole = isinstance(parts, list) and all(isinstance(part, dict) for part in parts)
    return parts if whole else []


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
