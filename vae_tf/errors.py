"""The error for input that cannot be used."""


class InputError(ValueError):
    """Input that cannot be used: one sentence with what was given, what was expected and what to do.

    The command line prints the sentence and exits with status 2; any other exception is a defect and keeps
    its trace.
    """


class DivergenceError(RuntimeError):
    """A loss that is no longer finite: one sentence with the step, the terms and what was kept."""
