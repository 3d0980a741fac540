"""What the rule language's page shows is the language: every example, every kind, every operator."""

from __future__ import annotations

import json
import re
from pathlib import Path

from services.segment.schemas.rule import KINDS, OPERATORS, leaves, parse, plain
from tests.harness.houses import Running

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
EXAMPLES = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def test_every_example_of_the_page_is_a_rule() -> None:
    for one in EXAMPLES:
        rule = parse(one)
        assert list(leaves(rule))
        assert plain(rule) == one
    shown = json.dumps(EXAMPLES)
    assert {kind for kind in KINDS if f'"{kind}":' in shown} == set(KINDS)
    assert [name for name in OPERATORS if f'"{name}"' not in PAGE] == []


async def test_the_json_schema_is_at_its_door(home: Running) -> None:
    answer = await home.client.get("/v1/segments/rule-schema")
    assert answer.status_code == 200
    assert answer.json()["$schema"].startswith("https://json-schema.org/")
    assert {f'"{kind}"' for kind in KINDS} <= set(re.findall(r'"\w+"', answer.text))
