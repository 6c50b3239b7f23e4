"""The ends of calls as rows of a results message: [handle, run time, value], with output and outputs, or a failure."""

from struct import Struct

from .cbor import Encoder, NotAValue, TooLarge, head
from .failure import describe
from .functions import Unknown

_MICROSECONDS = Struct(">BI").pack
_NULL = b"\xf6"


def time_item(seconds):
    return _MICROSECONDS(0x1A, min(int(seconds * 1e6), 0xFFFFFFFF))


def text_item(text):
    data = text.encode("utf-8", "backslashreplace")
    return head(0x60, len(data)) + data


class Rows:
    def __init__(self, settings, root, capture):
        self._encoder = Encoder(settings["payload_bytes_max"], settings["depth_max"], settings["integer_bytes_max"])
        self._payload_bytes_max = settings["payload_bytes_max"]
        self._text_max = settings["error_text_bytes_max"]
        self._root = root
        self._capture = capture

    def success(self, handle, took, value, plugs, output):
        try:
            if type(value) is dict and len(value) == 2 and "result" in value and isinstance(value.get("plugs"), dict):
                plugs = {**plugs, **value["plugs"]} if plugs else value["plugs"]
                value = value["result"]
            item = self._encode(value, "result")
            if not plugs and not output and not self._capture.written():
                return b"".join((b"\x83", handle, time_item(took), item))
            routed = self._encode(plugs, "plugs") if plugs else _NULL
            named = self._encode(output, "output") if output else _NULL
            if len(item) + len(routed) + len(named) > self._payload_bytes_max:
                raise TooLarge("result, plugs and output together are")
        except BaseException as error:
            return self.failure(handle, took, error, is_ours=True)
        out, err = self._capture.take()
        return b"".join((b"\x87", handle, time_item(took), item,
                         text_item(out), text_item(err), routed, named))

    def _encode(self, value, root):
        try:
            return self._encoder.encode(value)
        except NotAValue as error:
            error.args = (f"{error.at(root)} {error.why}",)
            raise
        except (TooLarge, MemoryError):
            raise TooLarge(f"{root} is") from None

    def failure(self, handle, took, error, is_ours=False):
        code, kind, trace = "task_failed", None, ""
        if isinstance(error, Unknown):
            code, kind, message = "unknown_function", "unknown_function", str(error)
        elif is_ours and isinstance(error, NotAValue):
            code, kind, message = "not_a_value", "not_a_value", str(error)
        elif is_ours and isinstance(error, TooLarge):
            code, kind = "output_too_large", "output_too_large"
            message = f"{error} larger than {self._payload_bytes_max} bytes"
        else:
            if is_ours:
                code = "not_a_value"
            kind, message, trace = describe(error, self._root, self._text_max)
        out, err = self._capture.take()
        return b"".join((b"\x89", handle, time_item(took), _NULL, text_item(out), text_item(err),
                         text_item(code), text_item(kind), text_item(message), text_item(trace)))
