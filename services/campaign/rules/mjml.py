"""MJML as the HTML of an e-mail: https://mjml.io, by the Rust port MRML. Liquid stands in it as it does in HTML."""

from __future__ import annotations

import functools
import re

import mjml

_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_ROOT = re.compile(r"\s*(<\?xml[^>]*>\s*)?<mjml[\s>]", re.IGNORECASE)

MOST = 500
"""Components of one e-mail. The library recurses, and 2,000 within each other end the process
(test_mjml_is_bounded)."""


class Broken(ValueError):
    """MJML that cannot be read."""


def is_mjml(source: str) -> bool:
    """Whether this is MJML and not HTML."""
    return _ROOT.match(source) is not None


@functools.lru_cache(maxsize=256)
def html(source: str) -> str:
    """The HTML of a template, with its Liquid where it stood; HTML stays as it is. Raises `Broken`.

    Liquid is put aside meanwhile: `{% if a < 3 %}` is no XML. Files cannot be included.
    """
    if not is_mjml(source):
        return source
    if source.count("<mj") > MOST:
        raise Broken(f"it has more than {MOST} components")
    aside: list[str] = []
    mark = "LQ"
    while mark in source:
        mark += "Q"

    def put(match: re.Match[str]) -> str:
        aside.append(match[0])
        return f"{mark}{len(aside) - 1}.{mark}"

    try:
        made = str(mjml.mjml2html(_LIQUID.sub(put, source)))
    except ValueError as error:
        raise Broken(f"it is not MJML: {error}") from error
    kept = re.sub(rf"{mark}(\d+)\.{mark}", lambda match: aside[int(match[1])], made)
    for number, tag in enumerate(aside):
        if f"{mark}{number}.{mark}" not in made:
            raise Broken(f"{tag} stands where MJML shows nothing: put it into a component, or into mj-raw")
    return kept
