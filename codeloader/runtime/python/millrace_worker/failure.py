"""Failures as rows of the protocol: what was raised, told with the author's frames only."""

import os

_OURS = os.path.dirname(os.path.abspath(__file__))


def _is_foreign(frame_path):
    """Frames of this package, and those of the standard library between it and the author's coroutine."""
    return frame_path.startswith(_OURS) or f"{os.sep}asyncio{os.sep}" in frame_path


def _author_part(trace):
    """Without the leading frames that are not the author's; all of them if none is."""
    first = trace
    while first is not None and _is_foreign(first.tb_frame.f_code.co_filename):
        first = first.tb_next
    return first


def describe(error, import_root, text_max):
    """type, message and traceback of an exception, each a str of bounded size."""
    kind = type(error).__qualname__
    try:
        message = str(error)
    except BaseException as broken:  # an author's __str__ may do anything
        message = f"<its text cannot be had: {type(broken).__qualname__}>"
    try:
        import traceback

        lines = traceback.format_exception(type(error), error, _author_part(error.__traceback__))
        text = "".join(lines).replace(import_root.rstrip("/") + "/", "")
    except BaseException as broken:
        text = f"<no traceback: {type(broken).__qualname__}>"
    return clipped(kind, 1000), clipped(message, text_max // 4), clipped(text, text_max // 2)


def clipped(text, most):
    """Both ends of a long text: the cause is at either."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters were cut]\n{text[-half:]}"
