"""What a function may ask of the engine that runs it.

>>> from flow import ctx
>>> def charge(order):
...     return pay(order, idempotency_key=ctx.call_id)
"""

from millrace_worker.context import ctx

__all__ = ["ctx"]
