"""Keys, rates, trimming, documents, links and packed bodies, without a server."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway import limits
from gateway.edge import bodies
from gateway.keyring import Keyring
from gateway.limits import Buckets
from gateway.rules import documents, keys, links, trim
from gateway.rules.events import Refused
from gateway.rules.keys import Key
from gateway.rules.trim import Position

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_new_keys_are_read_again() -> None:
    write, secret = keys.new("write"), keys.new("secret")
    assert keys.read(write) == ("write", write.removeprefix("pk_"))
    assert keys.read(secret) == ("secret", secret.split("_")[1])
    assert keys.new("secret") != secret


@pytest.mark.parametrize(
    "text", ["", "pk_", "pk_short", "pk_with_more", "sk_abcdefghij", "sk__secret", "xk_abcdefghij", "pk_äöüäöüäöü"]
)
def test_what_is_no_key(text: str) -> None:
    assert keys.read(text) is None


def test_a_keyring_takes_what_works_and_nothing_else() -> None:
    text = keys.new("secret")
    _, key_id = keys.read(text) or ("", "")
    ring = Keyring()
    ring.replace(
        [
            Key("writewrite", "write"),
            Key("oldoldold", "write", expires_at=NOW),
            Key(key_id, "secret", role="viewer", digest=keys.digest(text)),
        ]
    )
    assert ring.write("pk_writewrite", NOW) is not None
    assert ring.write("pk_oldoldold", NOW - timedelta(seconds=1)) is not None
    assert ring.write("pk_oldoldold", NOW) is None
    assert ring.write("pk_unknown00", NOW) is None
    assert ring.write(f"pk_{key_id}", NOW) is None
    assert ring.secret(text, NOW) is not None
    assert ring.secret(text[:-1] + "!", NOW) is None
    assert ring.secret("pk_writewrite", NOW) is None
    assert set(ring.used()) == {"writewrite", "oldoldold", key_id}
    assert ring.used() == {}


def test_a_revoked_key_does_not_come_back_with_an_older_reading() -> None:
    ring = Keyring()
    ring.replace([Key("writewrite", "write")])
    ring.forget("writewrite")
    ring.replace([Key("writewrite", "write")])
    assert ring.write("pk_writewrite", NOW) is None


def test_a_bucket_lets_its_rate_through() -> None:
    buckets = Buckets(10)
    assert [bool(buckets.take("k", 10, at=0.0)) for _ in range(3)] == [False, False, True]
    assert buckets.take("k", 1, at=0.0) == pytest.approx(0.1)
    assert not buckets.take("other", 1, at=0.0)
    assert not buckets.take("k", 15, at=1.0)
    assert buckets.take("k", 1, at=1.0) == pytest.approx(0.5)
    taken = sum(not buckets.take("k", 1, at=second / 100) for second in range(200, 1200))
    assert 100 <= taken <= 115


def test_a_batch_above_the_burst_is_let_in_and_paid_off() -> None:
    buckets = Buckets(10)
    assert not buckets.take("k", 100, at=0.0)
    assert buckets.take("k", 1, at=1.0) == pytest.approx(7.0)
    assert limits.seconds(7.0) == 7
    assert limits.seconds(0.001) == 1


def position(service: str, part: int, sequence: int, *, created: str = "now") -> Position:
    return Position(service, "FACTS", part, created, sequence)


def test_only_what_all_have_passed_is_trimmed() -> None:
    told = [
        position("segment", 0, 10),
        position("campaign", 0, 7),
        position("segment", 1, 5),
        position("segment", 2, 5),
        position("campaign", 2, 9, created="before"),
        position("segment", 3, 5),
        position("campaign", 3, 0),
        position("stranger", 0, 1),
    ]
    assert trim.passed("FACTS", "now", ("segment", "campaign"), told) == {0: 7}
    assert trim.passed("FACTS", "now", (), told) == {}
    assert trim.passed("INTAKE", "now", ("segment",), told) == {}
    assert trim.passed("FACTS", "now", ("segment",), told)[3] == 5


def test_documents_are_merged_without_mixing_what_has_one_name() -> None:
    own: dict[str, Any] = {
        "paths": {"/own": {}},
        "components": {"schemas": {"Page": {"type": "object"}, "Same": {"type": "string"}}},
    }
    other = {
        "paths": {
            "/theirs": {
                "get": {
                    "operationId": "list",
                    "responses": {"200": {"schema": {"$ref": "#/components/schemas/Page"}}},
                }
            },
            "/own": {"get": {"responses": {}}},
        },
        "components": {
            "schemas": {
                "Page": {"properties": {"one": {"$ref": "#/components/schemas/Only"}}},
                "Same": {"type": "string"},
                "Only": {"items": {"$ref": "#/components/schemas/Page"}},
            }
        },
    }
    merged = documents.merged(own, {"segment": other})
    operation = merged["paths"]["/theirs"]["get"]
    assert operation["responses"]["200"]["schema"]["$ref"] == "#/components/schemas/segment.Page"
    assert (operation["operationId"], operation["tags"]) == ("segment_list", ["segment"])
    assert merged["paths"]["/own"] == {}
    schemas = merged["components"]["schemas"]
    assert set(schemas) == {"Page", "Same", "Only", "segment.Page"}
    assert schemas["Page"] == {"type": "object"}
    assert schemas["Only"]["items"]["$ref"] == "#/components/schemas/segment.Page"


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "javascript:alert(1)",
        "data:text/html,x",
        "//elsewhere.test",
        "/relative",
        "ftp://a.test",
        "http://",
        "http://a.test/\r\nX: y",
        "http://[",
    ],
)
def test_a_click_leads_to_web_addresses_only(address: str | None) -> None:
    with pytest.raises(links.BadLink):
        links.target(address)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"k": "mail", "d": "d", "p": "p", "c": "c", "u": "u"},
        {"k": "banner", "d": "d", "p": "p", "c": "c"},
        {"k": "banner", "d": 1, "p": "p", "c": "c", "u": "u"},
    ],
)
def test_a_token_must_say_who_saw_what(payload: dict[str, Any]) -> None:
    with pytest.raises(links.BadLink):
        links.banner(payload)


def refused(packed: bytes, limit: int) -> Refused:
    with pytest.raises(Refused) as caught:
        bodies.unpack(packed, limit=limit)
    return caught.value


def test_packed_bodies_are_unpacked_within_their_limit() -> None:
    assert bodies.unpack(gzip.compress(b"x" * 100), limit=100) == b"x" * 100
    assert refused(gzip.compress(b"x" * 101), 100).status == 413
    assert refused(b"not gzip", 100).code == "invalid_gzip"
    assert refused(gzip.compress(b"abc")[:-4], 100).code == "invalid_gzip"
    assert refused(gzip.compress(b"abc") + b"more", 100).code == "invalid_gzip"
    assert refused(zlib.compress(b"abc"), 100).code == "invalid_gzip"
    assert refused(b"", 100).code == "invalid_gzip"
    assert refused(gzip.compress(b" " * 400_000), 500_000).code == "packed_too_well"


def test_a_bomb_costs_no_more_memory_than_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 200_000_000, 9)
    tracemalloc.start()
    try:
        assert refused(bomb, 512_000).status == 413
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
