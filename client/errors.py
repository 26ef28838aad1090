"""What a server refuses, and its words made safe to show."""

LONGEST = 500  # characters of a server's words


class ServerError(RuntimeError):
    """A server refused a request, or answered what cannot be understood.

    Attributes:
        message: the server's own, cut and without control characters.
        status: HTTP's number, such as 404, or the name of gRPC's, such as "NOT_FOUND".
    """

    def __init__(self, message: str, status: int | str):
        message = cleaned(message)
        super().__init__(f"{message} ({status})")
        self.message, self.status = message, status


def cleaned(words: str) -> str:
    """A server's words on one line, cut, and without characters that a terminal would obey."""
    words = "".join(character if character.isprintable() else " " for character in words[: LONGEST + 1])
    return words if len(words) <= LONGEST else f"{words[:LONGEST]}..."


def late(server: str) -> str:
    """What is said of a server that took too long."""
    return f"{server} did not answer in time: see whether it is there, give it more time, or ask for fewer rows."
