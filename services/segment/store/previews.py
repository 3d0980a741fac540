"""SQL of previews, for the warehouse: counts, splits and grids of viewers who are given by a statement of their own."""

# ruff: noqa: S608 - the statements put together here are ours; every value of a caller is a parameter or a literal of Ibis

from __future__ import annotations

from services.segment.rules.compile import engine, values
from services.segment.rules.parts import MISSING, OTHER

SAMPLE = 20


def count(who: str) -> str:
    """One row: how many (`count`), and a few of them (`sample`), picked by a hash of their ids."""
    return (
        f"WITH who AS ({who}) SELECT count(*) AS count,"
        f" coalesce(arg_min(profile_id, hash(profile_id), {SAMPLE}), []) AS sample FROM who"
    )


def _labelled(who: str, traits: dict[str, str]) -> str:
    """Parts `who` and `theirs`: a row per viewer; per trait its label (JSON of a scalar; `[]` of anything else that is
    there; null) and its number, under the given names."""
    table = engine.viewers
    columns = {"profile_id": table.profile_id}
    for name, trait in traits.items():
        json = values.field(table.traits, trait)
        label = values.identity(json).fill_null("[]")
        columns[f"{name}_label"] = values.present(json).ifelse(label, values.nothing())
        columns[f"{name}_number"] = values.number(json)
    read = engine.text(table.select(**columns))
    return f"WITH who AS ({who}), theirs AS (SELECT * FROM ({read}) WHERE profile_id IN (SELECT profile_id FROM who))"


def _ranked(name: str) -> str:
    """The labels of a trait by their frequency: label, n, place from 0 on."""
    return (
        f"SELECT {name}_label AS label, count(*) AS n, row_number() OVER (ORDER BY {name}_label IS NULL,"
        f" {name}_label = '[]', count(*) DESC, {name}_label) - 1 AS place FROM theirs GROUP BY {name}_label"
    )


def split(who: str, trait: str) -> str:
    """The sizes of the parts of a split into `$top` values: part (the place, -1 others, -2 none), label, n."""
    return (
        f"{_labelled(who, {'x': trait})}, ranked AS ({_ranked('x')})"
        f" SELECT CASE WHEN label IS NULL THEN {MISSING} WHEN label = '[]' OR place >= $top THEN {OTHER} ELSE place END"
        " AS part, min(label) AS label, sum(n)::BIGINT AS n FROM ranked GROUP BY part"
    )


def axes(who: str, rows: str, columns: str) -> str:
    """What there is to say of two traits: axis, `labels` (the 20 most frequent), `distinct_numbers`, `numbers`, `n`,
    and where the numbers are cut into five bands of equal size."""
    of = " UNION ALL ".join(
        f"SELECT '{axis}' AS axis, (SELECT list(label ORDER BY place) FROM ({_ranked(name)})"
        " WHERE label <> '[]' AND place < 20) AS labels,"
        f" count(DISTINCT {name}_number) AS distinct_numbers, count({name}_number) AS numbers,"
        f" count({name}_label) AS n, quantile_disc({name}_number, [0.2, 0.4, 0.6, 0.8]) AS quantiles FROM theirs"
        for axis, name in (("rows", "r"), ("columns", "c"))
    )
    return f"{_labelled(who, {'r': rows, 'c': columns})} {of}"


def grid(who: str, rows: tuple[str, bool], columns: tuple[str, bool]) -> str:
    """The sizes of cells: r, c (places, -1 others, -2 none), n. Each side is a trait and whether it is cut into bands.

    `$rows` and `$columns` are the labels, or the edges of bands, in their order.
    """

    def place(name: str, banded: bool, known: str) -> str:
        found = (
            f"CASE WHEN {name}_number IS NULL THEN {OTHER}"
            f" ELSE len(list_filter({known}::DOUBLE[], lambda edge: edge <= {name}_number)) END"
            if banded
            else f"coalesce(list_position({known}::VARCHAR[], {name}_label), 0) - 1"
        )
        return f"CASE WHEN {name}_label IS NULL THEN {MISSING} ELSE {found} END AS {name}"

    return (
        f"{_labelled(who, {'r': rows[0], 'c': columns[0]})}"
        f" SELECT {place('r', rows[1], '$rows')}, {place('c', columns[1], '$columns')}, count(*) AS n"
        " FROM theirs GROUP BY ALL"
    )


def contacts(who: str) -> str:
    """Per channel: `reachable`; `contactable`, who refused neither the channel, `$purpose`, personalisation nor all;
    `agreed`, who said yes to the channel or the purpose besides. Phone and SMS are one address."""
    said = "json_extract(consent, '/' || replace(replace({name}, '~', '~0'), '/', '~1'))::VARCHAR"
    return (
        f"WITH who AS ({who}), theirs AS (SELECT unnest(has) AS channel, consent FROM viewers"
        " WHERE profile_id IN (SELECT profile_id FROM who)),"
        " asked AS (SELECT *, [channel, '*', $purpose, 'personalisation'"
        ", CASE channel WHEN 'sms' THEN 'phone' WHEN 'phone' THEN 'sms' ELSE channel END] AS names FROM theirs),"
        " answered AS (SELECT channel,"
        f" NOT list_contains(list_transform(names, lambda name: coalesce({said.format(name='name')}, '')), 'false')"
        " AS may,"
        f" coalesce({said.format(name='channel')}, '') = 'true'"
        f" OR coalesce({said.format(name='$purpose')}, '') = 'true' AS yes FROM asked)"
        " SELECT channel, count(*) AS reachable, count(*) FILTER (may) AS contactable, count(*) FILTER (may AND yes)"
        " AS agreed FROM answered GROUP BY channel ORDER BY channel"
    )


def ids(who: str) -> str:
    """Everybody: profile_id."""
    return f"SELECT profile_id FROM ({who})"
