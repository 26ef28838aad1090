"""All checks of a version: of its files, and of its answers against the golden ones."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from vae_tf.errors import InputError
from vae_tf.export.version import answer_checks, contents, file_checks, golden, numbers, runners
from vae_tf.serving import contract

DANGER = "a SavedModel that somebody has changed can write files when it is run"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: its name.
        ok: whether nothing is off.
        detail: all that is off, empty where nothing is.
    """

    check: str
    ok: bool
    detail: str


def check(path: str | os.PathLike[str]) -> list[Finding]:
    """All findings on a bundle.

    Args:
        path: `<directory>/<name>`, whose newest version is checked, or `<directory>/<name>/<version>`.

    Raises:
        InputError: where there is no bundle.
    """
    return list(findings(locate(path)))


def locate(path: str | os.PathLike[str]) -> pathlib.Path:
    """The folder of the version that `path` names, see `check`.

    Raises:
        InputError: where there is none.
    """
    path = pathlib.Path(path)
    found = numbers.versions(path) if path.is_dir() else []
    version = path / str(found[-1]) if found else path
    if not (version / contents.GRAPH).is_file():
        raise InputError(f"{path} is no bundle: give DIR/NAME or DIR/NAME/<version>, as `vae-tf export` has made it.")
    return version


def findings(version: pathlib.Path) -> Iterator[Finding]:
    """The findings on the folder of one version, as they are made; it runs only if its files are those of its card."""
    off = []
    for name, of_files in file_checks.CHECKS.items():
        finding = _finding(name, of_files, version)
        off += [] if finding.ok else [name]
        yield finding
    kept = _finding("golden answers kept", file_checks.answers, version)
    yield kept
    if file_checks.CHECKSUMS in off:
        yield Finding("answers", False, f"nothing was run, because the {file_checks.CHECKSUMS} are off: {DANGER}")
        return
    if not kept.ok:
        return  # there is nothing to compare with
    exchanges = golden.read(version / golden.PATH)
    exchanges["serving_default"] = exchanges[contract.SERVING_DEFAULT]
    for way, opened in runners.WAYS.items():
        with contextlib.ExitStack() as stack:
            try:
                ask = stack.enter_context(opened(version))
            except Exception as error:  # a damaged version may raise anything
                yield Finding(f"loads, {way}", False, _sentence(error))
                continue
            for name, of_answers in answer_checks.CHECKS.items():
                yield _finding(f"{name}, {way}", of_answers, ask, exchanges)


def _finding(name: str, look: Callable[..., Iterator[str]], *arguments: Any) -> Finding:
    try:
        faults = list(look(*arguments))
    except Exception as error:  # a damaged version may raise anything
        faults = [_sentence(error)]
    return Finding(name, not faults, "; ".join(faults))


def _sentence(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
