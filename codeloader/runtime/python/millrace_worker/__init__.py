"""The Python side of the worker protocol. Nothing in here is for authors of modules: they import `flow`."""
