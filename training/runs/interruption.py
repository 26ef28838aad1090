"""Asked to stop: SIGTERM and Ctrl-C let the steps that run end, so that nothing is lost."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):  # noqa: N818  (not an error: what was asked for)
    """A run that was asked to stop, and has written a checkpoint."""


class Interruption:
    """Whether a run is asked to stop.

    Attributes:
        asked: by a signal, or by a caller who sets it.
    """

    def __init__(self) -> None:
        self.asked = False


@contextlib.contextmanager
def listening() -> Iterator[Interruption]:
    """Yields what the first SIGTERM or Ctrl-C sets; a second one stops at once, as ever.

    Outside the main thread, where Python takes no signals, nothing is listened to.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def stop_listening() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(number, frame):
        interruption.asked = True
        stop_listening()
        os.write(2, b"\nStopping: a checkpoint is written first. Once more stops at once.\n")

    for number in SIGNALS:
        signal.signal(number, ask)
    try:
        yield interruption
    finally:
        stop_listening()
