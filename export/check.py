"""A bundle against its golden answers, and its rules."""

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

from vae_tf.errors import InputError
from vae_tf.export import artifact, golden, replay, rules, runners
from vae_tf.export.bundle import versions
from vae_tf.serving import contract

DANGER = "a SavedModel that somebody has changed can write files when it is run"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one rule found.

    Attributes:
        rule: its name.
        ok: whether nothing is off.
        detail: all that is off, empty where nothing is.
    """

    rule: str
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
    numbers = versions(path) if path.is_dir() else []
    version = path / str(numbers[-1]) if numbers else path
    if not (version / artifact.GRAPH).is_file():
        raise InputError(f"{path} is no bundle: give DIR/NAME or DIR/NAME/<version>, as `vae-tf export` has made it.")
    return version


def findings(version: pathlib.Path) -> Iterator[Finding]:
    """The findings on the folder of one version, as they are made; it runs only if its files are those of its card."""
    off = []
    for name, rule in rules.RULES.items():
        finding = _finding(name, rule, version)
        off += [] if finding.ok else [name]
        yield finding
    kept = _finding("golden answers kept", rules.answers, version)
    yield kept
    if rules.CHECKSUMS in off:
        yield Finding("answers", False, f"nothing was run, because the {rules.CHECKSUMS} are off: {DANGER}")
        return
    if not kept.ok:
        return  # there is nothing to replay
    exchanges = golden.read(version / golden.PATH)
    exchanges["serving_default"] = exchanges[contract.SERVING_DEFAULT]
    for way, opened in runners.WAYS.items():
        with contextlib.ExitStack() as stack:
            try:
                ask = stack.enter_context(opened(version))
            except Exception as error:  # a damaged version may raise anything
                yield Finding(f"loads, {way}", False, _sentence(error))
                continue
            for name, replayed in replay.RULES.items():
                yield _finding(f"{name}, {way}", replayed, ask, exchanges)


def _finding(name: str, rule: Callable[..., Iterator[str]], *arguments: Any) -> Finding:
    try:
        faults = list(rule(*arguments))
    except Exception as error:  # a damaged version may raise anything
        faults = [_sentence(error)]
    return Finding(name, not faults, "; ".join(faults))


def _sentence(error: Exception) -> str:
    text = str(error).strip().partition("\n")[0]
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
