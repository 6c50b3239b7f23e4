"""The functions of the module, as they are called."""

_COROUTINE = 0x80  # CO_COROUTINE of a code object


class Function:
    """What is known of one function of the module."""

    __slots__ = ("name", "call", "plain", "wants_plugs", "wants_output", "average")

    def __init__(self, name, call):
        self.name = name
        self.call = call
        self.average = None  # seconds
        names, is_coroutine = self._declared(call)
        self.wants_plugs = "plugs" in names
        self.wants_output = "output" in names
        if is_coroutine:
            self.call = self._in_event_loop(call)
        self.plain = not (self.wants_plugs or self.wants_output)

    @staticmethod
    def _declared(call):
        """The parameters that can be given by name, and whether the call must be awaited."""
        code = getattr(call, "__code__", None)
        if code is not None and not hasattr(call, "__wrapped__"):
            # As inspect would say, without its import.
            last = code.co_argcount + code.co_kwonlyargcount
            return code.co_varnames[code.co_posonlyargcount : last], bool(code.co_flags & _COROUTINE)
        import inspect

        target = inspect.unwrap(call)
        is_coroutine = any(
            inspect.iscoroutinefunction(each) for each in (call, target, getattr(call, "__call__", None)))
        try:
            parameters = inspect.signature(call).parameters.values()
        except (TypeError, ValueError):
            return (), is_coroutine  # some builtins have no signature; they are called as they are
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return [each.name for each in parameters if each.kind in kinds], is_coroutine

    @staticmethod
    def _in_event_loop(call):
        import asyncio

        async def awaited(result):
            return await result

        def run(*args, **kwargs):
            result = call(*args, **kwargs)
            # A decorator may have made a plain function of a coroutine.
            return asyncio.run(awaited(result)) if hasattr(result, "__await__") else result

        return run


class Unknown(Exception):
    """The module has no such function."""


def find(module, name):
    """The function of this name; Unknown names those that are near."""
    found = getattr(module, name, None)
    if callable(found):
        return Function(name, found)
    import difflib

    known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
    near = difflib.get_close_matches(name, known, 3)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise Unknown(f"module {module.__name__} has no function {name}{hint}")
