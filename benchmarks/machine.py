"""Where something was measured, and how one of its runs is started."""

import datetime
import os
import pathlib
import platform
import statistics
import subprocess
import sys
from importlib import metadata

PACKAGES = ("tensorflow", "keras", "tensorflow-probability", "torch", "pythae")
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def machine() -> dict:
    """The day, the processor, and the versions of what is installed."""
    lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": model[0] if model else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "bfloat16": has_bfloat16(),
        **versions(),
    }


def versions() -> dict[str, str]:
    """Those of the packages that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16."""
    try:
        flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def ratios(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """This library's rate over the other's in the same round: the median of the rounds, the lowest and the highest."""
    rounds = [our / their for our, their in zip(ours, theirs, strict=True)]
    return {
        "ours_over_it": statistics.median(rounds),
        "ours_over_it_lowest": min(rounds),
        "ours_over_it_highest": max(rounds),
    }


def with_one_thread(script: str, *words: str) -> subprocess.CompletedProcess:
    """Runs a script in a process of its own, with one thread."""
    command = [sys.executable, script, *words]
    return subprocess.run(command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False)
