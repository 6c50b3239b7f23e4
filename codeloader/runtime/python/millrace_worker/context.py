"""The call that runs now, as `flow.ctx` shows it."""

import sys


class Context:
    """One object for the life of the worker; what it says changes with each call."""

    __slots__ = ("_id", "_attempt", "_function")

    def __init__(self):
        self._id = bytes(16)
        self._attempt = b"\0"
        self._function = ""

    @property
    def call_id(self):
        """The id of this call, the same in every attempt: make effects outside idempotent with it."""
        text = self._id.hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    @property
    def attempt(self):
        """1 for the first attempt of the call."""
        return int.from_bytes(self._attempt, "big")

    @property
    def function(self):
        """The name by which this function was called."""
        return self._function

    def log(self, text):
        """Adds a line to the output of the call."""
        sys.stdout.write(f"{text}\n")


ctx = Context()
