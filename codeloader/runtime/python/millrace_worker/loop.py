"""The life of a worker: hello, import, then calls one after another until the node has no more."""

import atexit
import faulthandler
import os
import sys

# The C modules below collections and socket: importing those two would double the time of a start.
from _collections import deque
from _socket import socket
from _thread import allocate_lock, start_new_thread
from struct import Struct
from time import perf_counter, sleep

from .cbor import decode, end_of, head
from .context import ctx
from .failure import describe
from .functions import find
from .output import Capture
from .rows import Rows, text_item

VERSION = 1
NODE = 3

# Messages of the node
HELLO, CALLS, STOP = 1, 2, 3
# Messages of the worker
GREETING, READY, BROKEN, RESULTS, LOGS = 1, 2, 3, 4, 5

_LENGTH = Struct(">I")
_READ_BYTES = 1 << 18
_FLUSH_BYTES = 1 << 20
_SLOW_SECONDS = 0.002
_PARK_SECONDS = 0.1
_NO_ARGUMENTS = b"\x80\xa0"


class Worker:
    def __init__(self):
        self._socket = socket(fileno=NODE)
        os.set_inheritable(NODE, False)
        self._sending = allocate_lock()
        self._received = bytearray()
        self._pending = deque()  # encoded rows of finished calls
        self._pending_bytes = 0
        self._oldest = 0.0  # when the first of them was finished
        self._functions = {}
        self._module = None
        self._started = 0.0  # when the call that runs now began; 0: none
        self._handle = b"\x00"
        self._parked = False
        self._wake = allocate_lock()
        self._wake.acquire()
        self._is_child = False

    # -- frames -------------------------------------------------------------------

    def _frame(self):
        """The next frame from the node; None when it has gone."""
        received = self._received
        while len(received) < 4:
            data = self._socket.recv(_READ_BYTES)
            if not data:
                return None
            received += data
        end = 4 + _LENGTH.unpack_from(received)[0]
        if len(received) < end:
            have = len(received)
            received.extend(bytes(end - have))
            view = memoryview(received)
            while have < end:
                n = self._socket.recv_into(view[have:], end - have)
                if n == 0:
                    return None
                have += n
            view.release()
        frame = bytes(received[4:end])
        del received[:end]
        return frame

    def _send(self, body):
        with self._sending:
            self._socket.sendall(_LENGTH.pack(len(body)) + body)

    def flush(self):
        """Sends what is finished. Two threads may come here; each row is sent once."""
        with self._sending:
            rows = []
            try:
                while True:
                    rows.append(self._pending.popleft())
            except IndexError:
                pass
            self._pending_bytes = 0
            if rows:
                body = b"".join((b"\x82", head(0, RESULTS), head(0x80, len(rows)), *rows))
                self._socket.sendall(_LENGTH.pack(len(body)) + body)

    # -- beginning ----------------------------------------------------------------

    def begin(self):
        """Hello and import. False when there is nothing to go on with."""
        frame = self._frame()
        if frame is None:
            return False
        hello, _ = decode(frame, 0)
        self._send(b"\x84" + head(0, GREETING) + head(0, VERSION) + head(0, os.getpid()) + text_item(
            "python " + ".".join(map(str, sys.version_info[:3]))))
        if hello[0] != HELLO or hello[1] != VERSION:
            return False
        self._take_settings(hello[2])
        return self._import(hello[2])

    def _take_settings(self, settings):
        self._text_max = settings["error_text_bytes_max"]
        # A result waits behind quick calls for a fifth of the time allowed; the watcher looks every two fifths, and gets
        # its turn from a function that never yields within another fifth.
        self._flush_seconds = settings["flush_ms_max"] / 1000 / 5
        self._look_seconds = 2 * self._flush_seconds
        sys.setswitchinterval(self._flush_seconds)
        self._log_seconds = settings["log_delay_ms"] / 1000
        self._log_piece = settings["log_piece_bytes_max"] // 4  # characters of at most four bytes
        self._root = settings["import_path"][0] if settings["import_path"] else "/"
        # Characters; the node counts bytes and allows for that.
        self.capture = Capture(settings["output_bytes_max"])
        self._rows = Rows(settings, self._root, self.capture)
        sys.stdout = sys.__stdout__ = self.capture.stdout
        sys.stderr = sys.__stderr__ = self.capture.stderr
        faulthandler.enable(file=2)
        os.register_at_fork(after_in_child=self._become_child)
        sys.path[:0] = settings["import_path"]

    def _become_child(self):
        """A fork made by the author's code: it must neither speak to the node nor go on with our calls."""
        self._is_child = True
        self.capture.is_child = True
        try:
            os.close(NODE)
        except OSError:
            pass

    def _import(self, settings):
        import importlib

        self._module_name = settings["module"]
        try:
            self._module = importlib.import_module(self._module_name)
            for name, source in settings.get("replacements", {}).items():
                exec(compile(source, f"<replacement of {name}>", "exec"), self._module.__dict__)
        except BaseException as error:
            kind, message, trace = describe(error, self._root, self._text_max)
            self._show(b"\x00")
            self._send(b"\x84" + head(0, BROKEN) + text_item(kind) + text_item(message) + text_item(trace))
            return False
        self._show(b"\x00")
        self.capture.take()
        start_new_thread(self._watch, ())
        self._send(b"\x81" + head(0, READY))
        return True

    # -- calls --------------------------------------------------------------------

    def run(self):
        while True:
            frame = self._frame()
            if frame is None:
                return
            if frame[1] == CALLS:
                self._run_frame(frame)
            elif frame[1] == STOP:
                return

    def _run_frame(self, frame):
        count, at = self._count(frame, 2)
        for _ in range(count):
            # As our node writes them; any other valid form takes the slow path below.
            if frame[at] == 0x86 and frame[at + 1] == 0x1B and frame[at + 10] == 0x50 and frame[at + 27] == 0x1A:
                handle, ctx._id, ctx._attempt = frame[at + 1 : at + 10], frame[at + 11 : at + 27], frame[at + 28 : at + 32]
                at += 32
            else:
                handle_end = end_of(frame, at + 1)
                handle = frame[at + 1 : handle_end]
                ctx._id, at = decode(frame, handle_end)
                attempt, at = decode(frame, at)
                ctx._attempt = attempt.to_bytes(4, "big")
            start = at
            if frame[at] < 0x78:
                at += frame[at] - 0x5F
            else:
                at = end_of(frame, at)
            name = frame[start:at]
            if frame[at : at + 2] == _NO_ARGUMENTS:
                args, kwargs = (), {}
                at += 2
            else:
                args, at = decode(frame, at)
                kwargs, at = decode(frame, at)
            self._run_call(handle, name, args, kwargs)
        self.flush()

    @staticmethod
    def _count(frame, at):
        first = frame[at]
        if first < 0x98:
            return first & 31, at + 1
        size = 1 << ((first & 31) - 24)
        return int.from_bytes(frame[at + 1 : at + 1 + size], "big"), at + 1 + size

    def _run_call(self, handle, name, args, kwargs):
        function = self._functions.get(name)
        average = function.average if function is not None else None
        if self._pending and (average is None or average > _SLOW_SECONDS or self._pending_bytes > _FLUSH_BYTES):
            self.flush()
        self._handle = handle
        plugs = output = None
        began = perf_counter()
        self._started = began
        if self._parked:
            self._unpark()
        try:
            if function is None:
                function = find(self._module, decode(name, 0)[0])
                self._functions[name] = function
            ctx._function = function.name
            if function.plain:
                value = function.call(*args, **kwargs)
            else:
                plugs, output = self._offer(function, kwargs)
                value = function.call(*args, **kwargs)
        except BaseException as error:
            ended = perf_counter()
            self._started = 0.0
            self._leave_if_child()
            row = self._rows.failure(handle, ended - began, error)
        else:
            ended = perf_counter()
            self._started = 0.0
            self._leave_if_child()
            took = ended - began
            function.average = took if average is None else average + (took - average) / 8
            row = self._rows.success(handle, took, value, plugs, output)
        if not self._pending:
            self._oldest = ended
        self._pending.append(row)
        self._pending_bytes += len(row)
        if ended - self._oldest > self._flush_seconds:
            self.flush()

    def _leave_if_child(self):
        if self._is_child:
            os._exit(0)

    @staticmethod
    def _offer(function, kwargs):
        """Fresh dictionaries for a function that declares them, unless the caller gave arguments of these names."""
        plugs = output = None
        if function.wants_plugs and "plugs" not in kwargs:
            plugs = kwargs["plugs"] = {}
        if function.wants_output and "output" not in kwargs:
            output = kwargs["output"] = {}
        return plugs, output

    # -- the watcher --------------------------------------------------------------

    def _unpark(self):
        self._parked = False
        try:
            self._wake.release()
        except RuntimeError:
            pass  # it was about to look again by itself

    def _watch(self):
        """A thread that has something to do only beside a call that takes long: sends the results that wait behind it,
        empties the pipes that it fills, and shows its output."""
        while not self._is_child:
            self._parked = True
            if not self._started:
                self._wake.acquire()
            self._parked = False
            busy = perf_counter()
            shown = 0.0
            while True:
                running, now = self._started, perf_counter()
                if running:
                    busy = now
                elif now - busy > _PARK_SECONDS:
                    break
                slow = running and now - running > self._flush_seconds
                if slow and self._pending:
                    self.flush()
                if slow:
                    self.capture.drain()  # also below, but there it waits for its time
                    if now - running > self._log_seconds and now - shown > self._log_seconds:
                        shown = now
                        self._show(self._handle)
                # A pipe that fills ends the wait, but only beside a slow call: a fast one reads it itself.
                if slow:
                    self.capture.wait(min(now - running, self._log_seconds))
                else:
                    sleep(self._look_seconds)

    def _show(self, handle):
        """Output so far, for those who follow the call; its result holds everything again."""
        self.capture.drain()
        news = self.capture.news(self._log_piece)
        if not news:
            return
        rows = [b"".join((b"\x83", handle, b"\xf5" if is_err else b"\xf4", text_item(text))) for is_err, text in news]
        self._send(b"".join((b"\x82", head(0, LOGS), head(0x80, len(rows)), *rows)))


def main():
    worker = Worker()
    if worker.begin():
        worker.run()
    try:
        atexit._run_exitfuncs()
    finally:
        # No waiting for threads that the author left.
        os._exit(0)
