"""What a call prints: by Python through sys.stdout and sys.stderr, by anything else on descriptors 1 and 2.

Descriptors 1 and 2 are pipes whose other ends are 4 and 5. The node holds those too, and reads them when this process
has died: that is how its last words are known. Python's stdout stays in memory, which costs next to nothing; its
stderr goes through the pipe, so that nothing of it is lost in a crash.
"""

import codecs
import io
import os
import select
from _thread import allocate_lock

_READ_BYTES = 1 << 16
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031


class _Raw(io.RawIOBase):
    """sys.stdout.buffer"""

    def __init__(self, stream):
        self._stream = stream

    def writable(self):
        return True

    def fileno(self):
        return self._stream.fileno()

    def write(self, data):
        self._stream.write_bytes(bytes(data))
        return len(data)


class _Stream(io.TextIOBase):
    """Light enough that print() costs little; whole enough for what libraries do with sys.stdout."""

    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None
    line_buffering = True

    def __init__(self, descriptor, name, capture):
        self._descriptor = descriptor
        self.name = name
        self.mode = "w"
        self._capture = capture
        self.buffer = _Raw(self)

    def fileno(self):
        return self._descriptor

    def writable(self):
        return True

    def flush(self):
        pass

    def close(self):
        pass

    def reconfigure(self, **_):
        pass

    def detach(self):
        raise io.UnsupportedOperation("the output of a worker cannot be detached")


class _Memory(_Stream):
    def write(self, text):
        if type(text) is not str:
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        capture = self._capture
        if capture.is_child:
            _write_all(1, text.encode("utf-8", "backslashreplace"))
        else:
            capture.add(0, text)
        return len(text)

    def write_bytes(self, data):
        self.write(data.decode("utf-8", "backslashreplace"))


class _Through(_Stream):
    def write(self, text):
        if type(text) is not str:
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        _write_all(2, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def write_bytes(self, data):
        _write_all(2, data)


def _write_all(descriptor, data):
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class Capture:
    """Collects the output of the call that runs; takes it in pieces for those who follow it live."""

    def __init__(self, bytes_max):
        self._bytes_max = bytes_max
        self._lock = allocate_lock()
        self._ends = (4, 5)
        self._decoders = [codecs.getincrementaldecoder("utf-8")("backslashreplace") for _ in self._ends]
        self._poll = select.poll()  # a poll object serves one thread
        self._watch = select.poll()
        for end in self._ends:
            os.set_blocking(end, False)
            os.set_inheritable(end, False)
            self._poll.register(end, select.POLLIN)
            self._watch.register(end, select.POLLIN)
            try:
                import fcntl

                fcntl.fcntl(end, _F_SETPIPE_SZ, _PIPE_BYTES)
            except OSError:
                pass  # the default size only means more turns
        self.parts = ([], [])  # texts of stdout and stderr
        self._size = 0
        self._cut = 0
        self._shown = [0, 0]
        self.touched = False  # another thread reads the pipes
        self.is_child = False  # a fork of ours: its memory is not read by anybody
        self.stdout = _Memory(1, "<stdout>", self)
        self.stderr = _Through(2, "<stderr>", self)

    def add(self, which, text):
        room = self._bytes_max - self._size
        size = len(text)
        if size <= room:
            self._size += size
            self.parts[which].append(text)
            return
        self._size += room
        self._cut += size - room
        if room > 0:
            self.parts[which].append(text[:room])

    def written(self):
        """Whether the call wrote anything; one system call."""
        return bool(self.touched or self.parts[0] or self._poll.poll(0) or self.parts[1])

    def _drain(self):
        for which, end in enumerate(self._ends):
            decoder = self._decoders[which]
            # Bounded, because a program that never stops writing must not hold us here.
            for _ in range(2 * _PIPE_BYTES // _READ_BYTES):
                try:
                    data = os.read(end, _READ_BYTES)
                except (BlockingIOError, InterruptedError):
                    break
                if not data:
                    break
                self.add(which, decoder.decode(data))

    def take(self):
        """stdout and stderr of the call that has just ended."""
        with self._lock:
            self.touched = False
            self._drain()
            for which, decoder in enumerate(self._decoders):
                rest = decoder.decode(b"", True)
                decoder.reset()
                if rest:
                    self.add(which, rest)
            texts = ["".join(parts) for parts in self.parts]
            if self._cut:
                texts[1 if texts[1] and not texts[0] else 0] += f"\n[{self._cut} more characters were cut]\n"
            self.parts = ([], [])
            self._size = self._cut = 0
            self._shown = [0, 0]
        return texts

    def wait(self, seconds):
        """Returns when something was written on a descriptor, or after that time."""
        self._watch.poll(seconds * 1000)

    def drain(self):
        """Empties the pipes while a call runs, so that nobody blocks on them."""
        with self._lock:
            self.touched = True
            self._drain()

    def news(self, piece_max):
        """What came since the last look: pairs of (is stderr, text)."""
        out = []
        with self._lock:
            for which, parts in enumerate(self.parts):
                seen, known = self._shown[which], len(parts)  # others only append meanwhile
                self._shown[which] = known
                fresh = "".join(parts[seen:known])
                out.extend((which == 1, fresh[i : i + piece_max]) for i in range(0, len(fresh), piece_max))
        return out
