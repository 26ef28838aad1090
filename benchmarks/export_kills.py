"""Exports that are killed at random moments while a reader polls their folder: what it sees is always whole.

    python benchmarks/export_kills.py

One exporter is left to write versions, others beside it are killed (`tests/export/processes/writers.py`). The reader
looks at each new version's files against the checksums of its card, that no version goes missing, and that the labels
of models.config name versions that are there.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from machine import machine

from vae_tf.export.server import configuration
from vae_tf.export.version import card

HERE = pathlib.Path(__file__).parent
WRITERS = HERE.parent / "tests" / "export" / "processes" / "writers.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--exports", type=int, default=20, help="of the exporter that is left alone")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results" / "export_kills.json")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = watch(pathlib.Path(folder), arguments.kills, arguments.exports)
    print(", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in results.items()))
    arguments.out.write_text(json.dumps({"machine": machine(), **results}, indent=1) + "\n", encoding="utf-8")


def watch(directory: pathlib.Path, kills: int, exports: int) -> dict[str, int]:
    """Polls while the writers run, and counts what is not as it should be."""
    words = [sys.executable, WRITERS, directory, kills, exports]
    seen: set[str] = set()
    counts = {"kills": kills, "looks": 0, "partial_versions": 0, "missing_versions": 0, "wrong_labels": 0}
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE, text=True, env=environment) as writers:
        while writers.poll() is None:
            counts["looks"] += 1
            there = versions(directory / "digits")
            counts["missing_versions"] += len(seen - there)
            counts["partial_versions"] += sum(not whole(directory / "digits" / version) for version in there - seen)
            labels = configuration.labels(directory, "digits") if directory.is_dir() else {}
            counts["wrong_labels"] += sum(
                str(version) not in versions(directory / "digits") for version in labels.values()
            )
            seen = there
            time.sleep(0.001)
    if writers.returncode:
        sys.exit("an exporter that was left alone failed")
    return {**counts, "versions": len(seen)}


def versions(folder: pathlib.Path) -> set[str]:
    return {entry for entry in os.listdir(folder) if entry.isdecimal()} if folder.is_dir() else set()


def whole(version: pathlib.Path) -> bool:
    """Whether the files of a version are those of its card."""
    try:
        kept = json.loads((version / card.PATH).read_text(encoding="utf-8"))["files"]
        return kept == {name: card.checksum(version / name) for name in card.files(version)}
    except (OSError, ValueError, KeyError):
        return False


if __name__ == "__main__":
    main()
