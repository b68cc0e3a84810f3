from __future__ import annotations

import json
import math
import struct
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fediverse.protocol.errors import Malformed, TooLarge
from fediverse.protocol.strict_json import MAX_CONTAINERS, Json, canonical, dumps, loads, loads_object
from tests import vectors

JCS = {vector["name"]: vector for vector in vectors.load("standards")["jcs"]}
NUMBERS = JCS.pop("jcs-numbers")
MIB = 1 << 20

# Everything our reader takes: no NUL, no lone surrogates, finite numbers.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
# Beyond 2**53 a canonical number names a double, which Python's integer of the same digits need not equal.
FLOATS = st.floats(-(2**53), 2**53)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | FLOATS
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \n", id="blank"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16 with a mark"),
        pytest.param('{"a":1}'.encode("utf-16-le"), id="UTF-16 little-endian"),
        pytest.param('{"a":1}'.encode("utf-16-be"), id="UTF-16 big-endian"),
        pytest.param('{"a":1}'.encode("utf-32"), id="UTF-32"),
        pytest.param(b'"\xe9"', id="Latin-1"),
        pytest.param(b'"\xed\xa0\x80"', id="a surrogate in UTF-8"),
        pytest.param(b'"\xc0\x80"', id="an overlong NUL"),
        pytest.param(b'{"a":1,"a":2}', id="a key twice"),
        pytest.param(b'[{"b":{"a":1,"\\u0061":2}}]', id="a key twice, once escaped, deep inside"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"[Infinity]", id="Infinity"),
        pytest.param(b'{"a":-Infinity}', id="minus Infinity"),
        pytest.param(b"1e999", id="an infinite number"),
        pytest.param(b"[-1e999]", id="an infinite negative number"),
        pytest.param(b"9" * 5000, id="5,000 digits"),
        pytest.param(b"-" + b"9" * 5000, id="5,000 negative digits"),
        pytest.param(b"0." + b"1" * 5000, id="5,000 decimals"),
        pytest.param(b"1e" + b"1" * 5000, id="5,000 digits of exponent"),
        pytest.param(b'"\\ud800"', id="a lone high surrogate"),
        pytest.param(b'["\\uDC00"]', id="a lone low surrogate"),
        pytest.param(b'{"\\ud83d":1}', id="a lone surrogate in a key"),
        pytest.param(b'"\\udc00\\ud83d"', id="surrogates the wrong way round"),
        pytest.param(b'"\\u0000"', id="an escaped NUL"),
        pytest.param(b'{"a\\u0000b":1}', id="an escaped NUL in a key"),
        pytest.param(b'"\x00"', id="a raw NUL"),
        pytest.param(b"{}\x00", id="a NUL at the end"),
        pytest.param(b'"\n"', id="a raw line end in a string"),
        pytest.param(b"{} {}", id="a second document"),
        pytest.param(b"{}x", id="trailing bytes"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b'{"a":1,}', id="a trailing comma"),
        pytest.param(b"{a:1}", id="a bare key"),
        pytest.param(b"01", id="a leading zero"),
        pytest.param(b'"open', id="an open string"),
        pytest.param(b'"\\', id="an open escape"),
        pytest.param(b"[", id="an open list"),
        pytest.param(b"]", id="a closed list"),
        pytest.param(b"/**/{}", id="a comment"),
    ],
)
def test_c1_what_readers_could_take_differently_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        loads(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * MIB, id="opening lists"),
        pytest.param(b'{"a":' * (MIB // 5), id="opening objects"),
        pytest.param(b"[{" * (MIB // 2), id="opening both"),
        pytest.param(b'"' * MIB, id="quotes"),
        pytest.param(b'"' + b'\\"' * (MIB // 2 - 1), id="escaped quotes"),
        pytest.param(b'"' + b"\\\\" * (MIB // 2 - 1), id="backslashes"),
        pytest.param(b"[" + b"[]," * (MIB // 3 - 2) + b"[]]", id="too many lists"),
        pytest.param(b"[" + b"{}," * (MIB // 3 - 2) + b"{}]", id="too many objects"),
        pytest.param(b"9" * MIB, id="one number"),
        pytest.param(b" " * MIB, id="blanks"),
        pytest.param(b"[" + b'"\\u0000",' * (MIB // 9 - 2) + b"1]", id="escaped NULs"),
    ],
)
def test_c1_a_mebibyte_of_anything_is_refused_in_no_time(body: bytes) -> None:
    assert len(body) <= MIB
    began = time.process_time()
    with pytest.raises(Malformed):
        loads(body)
    assert time.process_time() - began < 0.05 * 10  # 50 ms, tenfold for a busy machine


def test_c1_depth_is_counted_up_to_the_limit_and_not_beyond() -> None:
    loads(b"[" * 32 + b"]" * 32)
    loads(b'{"a":' * 32 + b"1" + b"}" * 32)
    loads(b"[" + b"[]," * 100 + b"1]")
    loads(b"[[[]]]", max_depth=3)
    for body in (b"[" * 33 + b"]" * 33, b"[1," + b'{"a":' * 32 + b"1" + b"}" * 32 + b"]"):
        with pytest.raises(Malformed, match="deep"):
            loads(body)
    with pytest.raises(Malformed, match="deep"):
        loads(b"[[[[]]]]", max_depth=3)


@pytest.mark.parametrize("text", ["[" * 100, "{" * 100 + '"' * 3, '\\"[[[' * 20, "\\\\" * 3 + "[" * 50, '\\"'])
def test_brackets_inside_strings_are_not_depth(text: str) -> None:
    body = json.dumps({text: [text, "]"]}).encode()
    assert loads(body) == {text: [text, "]"]}


def test_c1_brackets_behind_a_string_that_ends_in_backslashes_are_depth() -> None:
    with pytest.raises(Malformed, match="deep"):
        loads(b'["\\\\",' + b"[" * 40 + b"]" * 40 + b"]")


def test_lists_and_objects_are_counted() -> None:
    loads(b"[" + b"{}," * (MAX_CONTAINERS - 2) + b"{}]")
    with pytest.raises(Malformed, match="too many"):
        loads(b"[" + b"{}," * MAX_CONTAINERS + b"{}]")


def test_a_body_over_the_limit_is_too_large_and_at_the_limit_is_not() -> None:
    body = b'"' + b"a" * 98 + b'"'
    assert loads(body, max_bytes=100) == "a" * 98
    with pytest.raises(TooLarge):
        loads(body, max_bytes=99)
    with pytest.raises(TooLarge):
        loads(b" " * (MIB + 1))


def test_ordinary_json_is_read() -> None:
    body = b' {"a":[1,-2.5,1e3,true,false,null],"\\u00e9":"\\ud83d\\ude00\\u0001 \\\\u0000","":{}}\n'
    assert loads(body) == {"a": [1, -2.5, 1000.0, True, False, None], "é": "😀\x01 \\u0000", "": {}}
    assert loads(b"1" * 128) == int("1" * 128)


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null", b"true"])
def test_c2_a_body_that_is_no_object_is_refused_where_one_is_needed(body: bytes) -> None:
    loads(body)
    with pytest.raises(Malformed):
        loads_object(body)


def test_an_object_is_read_where_one_is_needed() -> None:
    assert loads_object(b'{"a":1}') == {"a": 1}


def test_values_are_written_compactly_in_their_own_order() -> None:
    assert dumps({"b": [1, 2.5, None], "a": "é😀/</script>"}) == '{"b":[1,2.5,null],"a":"é😀/</script>"}'.encode()


def endless() -> Json:
    value: list[Json] = []
    value.append(value)
    return value


UNWRITABLE: list[Json] = [math.nan, [math.inf], {"a": -math.inf}, "\ud800", {"\udc00": 1}, endless()]


@pytest.mark.parametrize("value", [*UNWRITABLE, "\x00"], ids=repr)
def test_what_could_not_be_read_back_is_not_written(value: Json) -> None:
    with pytest.raises(Malformed):
        dumps(value)


@pytest.mark.parametrize("value", [*UNWRITABLE, 2**53, [-(2**53)]], ids=repr)
def test_what_has_no_canonical_form_is_refused(value: Json) -> None:
    with pytest.raises(Malformed):
        canonical(value)


@pytest.mark.parametrize("vector", JCS.values(), ids=JCS)
def test_published_documents_have_their_published_canonical_form(vector: dict[str, Any]) -> None:
    assert canonical(loads(vector["inputs"]["json"].encode())).hex() == vector["expected"]["canonical_hex"]


def test_published_numbers_have_their_published_canonical_form() -> None:
    for bits, text in zip(NUMBERS["inputs"]["ieee754_hex"], NUMBERS["expected"]["text"], strict=True):
        (number,) = struct.unpack(">d", bytes.fromhex(bits))
        assert canonical(number) == text.encode()


@given(VALUES)
def test_what_is_written_reads_back_equal(value: Json) -> None:
    assert loads(dumps(value)) == value
    assert loads(canonical(value)) == value
    assert loads(json.dumps(value).encode()) == value


@given(st.binary(max_size=60) | st.text(alphabet='[]{}":,\\u0dD8e1-.N \n', max_size=40).map(str.encode))
def test_c1_no_body_makes_another_error_than_the_typed_one(body: bytes) -> None:
    try:
        value = loads(body)
    except Malformed:
        return
    assert value == json.loads(body)
    assert loads(dumps(value)) == value
