"""Templates: what they show, what they may not reach, and that none of them can eat the machine."""

from __future__ import annotations

import contextlib
import resource
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.campaign.rules import plain, templates
from services.campaign.rules.templates import OUTPUT_BYTES, Fault, Missing, compiled


def shown(source: str, *, html: bool = False, missing: Missing = "blank", **values: Any) -> str:
    values = {"profile": {"id": 7, "traits": {}}} | values
    return templates.rendered(templates.compiled(source, html=html, missing=missing), values)


def test_values_are_put_in_and_escaped_only_for_html() -> None:
    profile = {"traits": {"name": "<b>Ann</b>", "tags": ["a", "b"], "age": 3}}
    assert shown("Hi {{ profile.traits.name }}", profile=profile) == "Hi <b>Ann</b>"
    assert shown("Hi {{ profile.traits.name }}", profile=profile, html=True) == "Hi &lt;b&gt;Ann&lt;/b&gt;"
    assert shown("<p>{{ profile.traits.name | upcase }}</p>", profile=profile, html=True).startswith("<p>&lt;B&gt;")
    assert shown("{% for tag in profile.traits.tags %}{{ tag }},{% endfor %}", profile=profile) == "a,b,"
    assert shown("{{ profile.traits.age | plus: 1 }}", profile=profile) == "4"


def test_a_missing_value_is_blank_unless_it_was_asked_to_matter() -> None:
    assert shown("Hi {{ profile.traits.name }}!") == "Hi !"
    with pytest.raises(Fault, match=r"line 2: profile\.traits\.name is undefined") as caught:
        shown("Hi\n{{ profile.traits.name }}!", missing="skip")
    assert caught.value.missing
    assert shown("{{ profile.traits.name | default: 'you' }}", missing="skip") == "you"
    assert shown("{% if profile.traits.name %}x{% else %}y{% endif %}", missing="skip") == "y"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("a\nb {% if x %}", "line 2: expected tag endif"),
        ("a\n\nb {{ x | ", "line 3"),
        ("{% endif %}", "line 1: unexpected tag 'endif'"),
        ("x\n{{ proifle.traits.name }}", "line 2: 'proifle' is not known here, did you mean 'profile'"),
        ("{{ trigger.data.x }}", "known are profile, campaign, unsubscribe_url, event"),
        ("\n{{ profile.id | shout }}", "line 2: there is no filter 'shout'"),
        ("{% include 'secrets' %}", "unexpected tag 'include'"),
        ("{% render 'secrets' %}", "unexpected tag 'render'"),
        ("{{ a" + "[a" * 3000 + "]" * 3000 + " }}", "nested too deeply"),
        ("{% if a %}" * 100 + "{% endif %}" * 100, "block nesting limit"),
        ("{% for i in (1..100000000) %}x{% endfor %}", "loop iteration limit"),
    ],
)
def test_what_cannot_work_is_refused_when_saved(source: str, says: str) -> None:
    with pytest.raises(Fault) as caught:
        templates.checked(source, html=False, kind="event")
    assert says in str(caught.value)


def test_what_needs_data_is_not_refused_for_the_lack_of_it() -> None:
    templates.checked(
        "{{ profile.traits.born | date: '%Y' | minus: 1 | divided_by: profile.traits.n }}", html=False, kind="bus"
    )
    templates.checked("{% assign x = event.name %}{{ x }} {{ 'now' | date: '%Y' }} {{ now }}", html=True, kind="event")


BOMBS = {
    "loop": "{% for i in (1..100000000) %}x{% endfor %}",
    "nested loops": "{% for i in (1..1000) %}{% for j in (1..1000) %}x{% endfor %}{% endfor %}",
    "many loops": "{% for i in (1..900) %}x{% endfor %}" * 1500,
    "table": "{% tablerow i in (1..100000) %}x{% endtablerow %}",
    "doubling": "{% assign s='aaaaaaaaaa' %}{% for i in (1..100) %}{% assign s = s | append: s %}{% endfor %}{{ s }}",
    "capture": "{% capture x %}{% for i in (1..1000) %}" + "z" * 500 + "{% endfor %}{% endcapture %}",
    "range": "{{ (1..100000000) | join: '' }}",
    "endless range": "{{ (1..99999999999999999999999) | reverse | size }}",
    "replace": "{{ '" + "a" * 30000 + "' | replace: '', '" + "b" * 30000 + "' }}",
    "join": "{{ '" + "a" * 30000 + "' | split: '' | join: '" + "b" * 30000 + "' }}",
    "list": "{% assign a = '" + "a" * 19000 + "' | split: '@' %}"
    "{% for i in (1..20) %}{% assign a = a | concat: a %}{% endfor %}{{ a }}",
    "power": "{% assign x = 9 %}{% for i in (1..100) %}{% assign x = x | times: x %}{% endfor %}{{ x }}",
    "busy": "{% for i in (1..1000) %}{{ '" + "a " * 9000 + "' | split: ' ' | sort | join: ',' | size }}{% endfor %}",
    "year": "{{ '99999999999999' | date: '%Y' }}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_stopped_quickly_and_small(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.thread_time()
    with pytest.raises(Fault):
        shown(BOMBS[name])
    assert time.thread_time() - began < 4 * templates.CPU_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize(
    "path",
    [
        "profile.__class__",
        "profile.traits.__class__.__mro__",
        "profile['__class__']['__base__']['__subclasses__']",
        "profile.keys",
        "profile.traits.name.__class__",
        "profile.traits.name.format",
        "profile.traits.tags.append",
        "profile._mapping",
        "self",
        "environment",
        "profile.traits.items.__globals__",
    ],
)
def test_attributes_are_out_of_reach(path: str) -> None:
    profile = {"traits": {"name": "Ann", "tags": ["x"]}}
    assert shown(f"[{{{{ {path} }}}}]", profile=profile) == "[]"
    with pytest.raises(Fault, match="undefined"):
        shown(f"[{{{{ {path} }}}}]", profile=profile, missing="skip")


@given(st.text(max_size=200), st.sampled_from(["{{", "}}", "{%", "%}", "| join", "for i in (1..9)", "if", "endif"]))
def test_any_text_either_renders_or_is_a_fault(text: str, piece: str) -> None:
    for source in (text, text[:50] + piece + text[50:], piece + text + "}}"):
        with contextlib.suppress(Fault):
            templates.checked(source, html=True, kind="event")
            shown(source, html=True)


def test_a_message_names_the_field_at_fault() -> None:
    sources = templates.Templates("ok", "{{ profile.traits.x }}", "<p>{{ profile.traits.x }}</p>", "skip")
    with pytest.raises(Fault, match="body: line 1"):
        templates.message(sources, {"profile": {"traits": {}}})
    done = templates.message(sources, {"profile": {"traits": {"x": "&"}}})
    assert (done.subject, done.body, done.html) == ("ok", "&", "<p>&amp;</p>")


NAMES = st.sampled_from(["profile", "campaign", "unsubscribe_url", "name", "first", "size", "traits", "first name"])
VALUES = st.recursive(
    st.text(max_size=8) | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def sources(draw: st.DrawFn) -> str:
    """Text and values, with the odd filter or tag that needs Liquid itself."""
    path = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: names[0] + "".join(f"['{n}']" for n in names[1:]))
    shown = path.map(lambda one: f"{{{{ {one} }}}}") | path.map(lambda one: f"{{{{- {one} -}}}}")
    odd = st.sampled_from(
        ["{{ profile | size }}", "{% if profile %}y{% endif %}", "{{ 'x' }}", "{{ profile[0] }}", "{"]
    )
    text = st.text(st.sampled_from("ab <>&\"'\n%"), max_size=5)
    return "".join(draw(st.lists(shown | text | odd, max_size=6)))


@given(sources(), st.dictionaries(NAMES, VALUES, max_size=4), st.booleans(), st.sampled_from(["blank", "skip"]))
def test_plain_templates_come_out_as_liquid_writes_them(
    source: str, values: dict[str, Any], html: bool, missing: Missing
) -> None:
    try:
        template = compiled(source, html=html, missing=missing)
    except Fault:
        return
    quick = plain.written(template, values, html=html, most=OUTPUT_BYTES)
    if quick is not None:
        assert quick == template.render(**values)


def test_plain_templates_are_seen_as_such() -> None:
    template = compiled("Hi {{ profile.traits.name }}, {{ profile.id }}", html=True, missing="skip")
    values = {"profile": {"id": 7, "traits": {"name": "<b>"}}}
    assert plain.written(template, values, html=True, most=1000) == "Hi &lt;b&gt;, 7"
    assert plain.written(template, values, html=True, most=40) is None, "Liquid says what is too long"
    assert plain.written(template, {"profile": {"id": 7}}, html=True, most=1000) is None, "and what is missing"
