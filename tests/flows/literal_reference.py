"""Reads a JSON list of texts; writes one JSON line for each: what ast.literal_eval makes of it in the form that
value_of_json reads, or null where it refuses."""

import ast
import base64
import json
import math
import sys
import warnings


def as_json(v):
    if isinstance(v, bool) or v is None or isinstance(v, str):
        return v
    if isinstance(v, int):
        return {"$int": str(v)}
    if isinstance(v, float):
        if math.isfinite(v):
            return v
        return {"$float": "nan" if math.isnan(v) else "inf" if v > 0 else "-inf"}
    if isinstance(v, bytes):
        return {"$bytes": base64.b64encode(v).decode()}
    if isinstance(v, (list, tuple)):
        return [as_json(item) for item in v]
    if isinstance(v, (set, frozenset)):
        return {"set": sorted((as_json(item) for item in v), key=json.dumps)}
    if isinstance(v, dict):
        if not all(isinstance(key, str) for key in v):
            raise ValueError("keys")
        return {key: as_json(item) for key, item in v.items()}
    raise ValueError("no value")


def line(text):
    try:
        return json.dumps({"value": as_json(ast.literal_eval(text))})
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return "null"


warnings.simplefilter("ignore")
with open(sys.argv[1], encoding="utf-8") as texts:
    for each in json.load(texts):
        print(line(each))
