"""One process at a time in the directory of a run."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

from vae_tf.errors import InputError

NAME = ".lock"  # in the run's directory, while a process works there


@contextlib.contextmanager
def alone(directory: pathlib.Path) -> Iterator[None]:
    """Keeps other processes from a directory, which is made if missing and removed again if it stays empty.

    The lock is the system's, held by this process: if the process is killed, the lock is gone, too.

    Raises:
        InputError: naming the process that works there.
    """
    made = [path for path in (directory, *directory.parents) if not path.exists()]
    descriptor = _locked(directory)
    try:
        yield
    finally:
        (directory / NAME).unlink(missing_ok=True)
        os.close(descriptor)
        with contextlib.suppress(OSError):  # not empty
            for path in made:
                path.rmdir()


def _locked(directory: pathlib.Path) -> int:
    path = directory / NAME
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except FileNotFoundError:  # the directory was removed by the process that made it
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(path, descriptor):  # and not a file that another process has removed since
                os.ftruncate(descriptor, 0)
                with contextlib.suppress(OSError):  # on a full disk: the name is lost, the lock is not
                    os.write(descriptor, str(os.getpid()).encode())
                return descriptor
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode(errors="replace") or "unknown"
            os.close(descriptor)
            raise InputError(
                f"The run {directory} is in use by the process {holder}: wait for its end, stop it, or give another "
                f"--run."
            ) from error
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is(path: pathlib.Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False
