"""Holds a JSON value against the part of JSON Schema that our own schemas use; anything else in a schema is a fault."""

from __future__ import annotations

import re
from typing import Any

KNOWN = {
    *(
        "type",
        "description",
        "format",
        "examples",
        "enum",
        "pattern",
        "maxLength",
        "minimum",
        "maximum",
        "anyOf",
        "$ref",
    ),
    *("properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties"),
    *("items", "maxItems"),
}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> list[str]:
    """Where a value does not do what the schema says; `root` is the whole document, for references."""
    strange = set(schema) - KNOWN
    if strange:
        return [f"{at}: the schema says {strange}"]
    if "$ref" in schema:
        return faults(value, pointer(root, schema["$ref"]), root, at)
    if "anyOf" in schema:
        tried = [faults(value, each, root, at) for each in schema["anyOf"]]
        return [] if [] in tried else min(tried, key=len)
    named = schema.get("type", "object")
    if not isinstance(value, TYPES[named]) or (isinstance(value, bool) and named == "integer"):
        return [f"{at}: {value!r} is not {named}"]
    if isinstance(value, dict):
        return _of_object(value, schema, root, at)
    if isinstance(value, list):
        found = [f"{at}: too many"] if len(value) > schema.get("maxItems", len(value)) else []
        return found + [
            fault for i, each in enumerate(value) for fault in faults(each, schema.get("items", {}), root, f"{at}[{i}]")
        ]
    return _of_word(value, schema, at)


def _of_object(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str) -> list[str]:
    found = [f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value]
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        found.append(f"{at}: too few or too many members")
    others = schema.get("additionalProperties", True)
    for name, inner in value.items():
        found += faults(name, schema["propertyNames"], root, f"{at}.{name}") if "propertyNames" in schema else []
        if name in schema.get("properties", {}):
            found += faults(inner, schema["properties"][name], root, f"{at}.{name}")
        elif others is False:
            found.append(f"{at}: {name} is not described")
        elif isinstance(others, dict):
            found += faults(inner, others, root, f"{at}.{name}")
    return found


def _of_word(value: Any, schema: dict[str, Any], at: str) -> list[str]:
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: {value!r} does not match")
    if isinstance(value, str) and len(value) > schema.get("maxLength", len(value)):
        found.append(f"{at}: too long")
    if isinstance(value, int) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        found.append(f"{at}: {value} is out of range")
    return found


def pointer(root: Any, reference: str) -> Any:
    """What a JSON Pointer in a fragment leads to (RFC 6901)."""
    assert reference.startswith("#/")
    for name in reference[2:].split("/"):
        root = root[name.replace("~1", "/").replace("~0", "~")]
    return root
