"""How long lists and searches take over many viewers.

`python -m tests.profile.measure_search [viewers] [tries] [--explain]`
Real Postgres (fsync off), rows copied in; every filter and order that is offered, first and later pages, with rare and
frequent values. Pages of 50 viewers in full, as the HTTP door answers them.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import event

from deploy.local import temporary
from services.profile.actions import search
from services.profile.rules import search as rules
from services.profile.schemas.search import Sort
from services.profile.store.search import Wanted
from shared import pages
from shared.database import Database
from shared.pages import PageAsked
from shared.settings import Settings
from tests.harness import databases

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
YEAR = 365 * 24 * 3600
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰红建国志文斌鹏飞"
WORDS = ("alpha", "bravo", "delta", "echo", "hotel", "india", "kilo", "lima", "mike", "oscar", "romeo", "tango")
CITIES = ["北京", "上海", *(f"city{n}" for n in range(2000))]
SORTS: tuple[Sort, ...] = ("newest", "last_seen", "events")


def _person(n: int, rng: random.Random) -> tuple[dict[str, Any], int, datetime]:
    """Traits, events and the last time of one viewer. A third live in the first two cities; ages are even."""
    if n % 2:
        name = rng.choice(SURNAMES) + rng.choice(GIVEN) + rng.choice(GIVEN)
    else:
        name = f"{rng.choice(WORDS).title()} {rng.choice(WORDS).title()}{n % 1000}"
    city = CITIES[n % 2] if n % 3 == 0 else CITIES[rng.randrange(len(CITIES))]
    traits = {"name": name, "city": city, "age": rng.randrange(10, 90)}
    return traits, int(rng.paretovariate(0.9)) % 100_000, BEGIN + timedelta(seconds=rng.randrange(YEAR))


async def fill(url: str, count: int) -> None:
    """Copy the rows in, then let Postgres look at them as it would by itself."""
    connection = await asyncpg.connect(url, timeout=10, command_timeout=900)
    rng = random.Random(7)
    for start in range(1, count + 1, 50_000):
        people = [(n, *_person(n, rng)) for n in range(start, min(start + 50_000, count + 1))]
        await connection.execute(
            "INSERT INTO profiles OVERRIDING SYSTEM VALUE SELECT n, 1, $2 FROM unnest($1::bigint[]) AS n",
            [n for n, *_ in people],
            BEGIN,
        )
        await connection.copy_records_to_table(
            "identities",
            records=[
                (
                    f"user_id:u{n}",
                    n,
                    msgspec.json.encode({name: [value, seen, seen] for name, value in traits.items()}).decode(),
                    events,
                    BEGIN,
                    seen,
                )
                for n, traits, events, seen in people
            ],
            columns=["origin", "profile_id", "traits", "events", "first_seen", "last_seen"],
        )
        await connection.copy_records_to_table("activity", records=[(n, BEGIN, seen, e) for n, _, e, seen in people])
        await connection.copy_records_to_table("search", records=list(_values(people)))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def _values(people: list[tuple[int, dict[str, Any], int, datetime]]) -> Iterator[tuple[Any, ...]]:
    for n, traits, _, _ in people:
        for value in rules.values(traits, has=["email"] if n % 5 else []):
            yield (n, *value)


def questions(count: int, rng: random.Random) -> dict[str, Wanted | str]:
    """Everything that may be asked, by name; a text is a search."""
    wanted = search.wanted
    parsed = search.parsed
    late = BEGIN + timedelta(seconds=YEAR - 3600)
    half = BEGIN + timedelta(seconds=YEAR / 2)
    return {
        "everybody": wanted(),
        "city, a third": wanted(traits=parsed(["city:eq:北京"])),
        "city, rare": wanted(traits=parsed([f"city:eq:city{rng.randrange(2000)}"])),
        "city, nobody": wanted(traits=parsed(["city:eq:nowhere"])),
        "age > 30": wanted(traits=parsed(["age:gt:30"])),
        "age >= 89": wanted(traits=parsed(["age:gte:89"])),
        "city contains y17": wanted(traits=parsed(["city:contains:y17"])),
        "city contains 京": wanted(traits=parsed(["city:contains:京"])),
        "has email": wanted(has=["email"]),
        "seen in the last hour": wanted(seen_after=late),
        "seen in the first half": wanted(seen_before=half),
        "name, surname": wanted(name=rng.choice(SURNAMES)),
        "name, whole": wanted(name=rng.choice(SURNAMES) + rng.choice(GIVEN) + rng.choice(GIVEN)),
        "name, two letters": wanted(name=rng.choice(GIVEN) + rng.choice(GIVEN)),
        "name, latin word": wanted(name=rng.choice(WORDS)),
        "name, latin rare": wanted(name=f"{rng.choice(WORDS)}{rng.randrange(1000)}"),
        "rare city and age": wanted(traits=parsed([f"city:eq:city{rng.randrange(2000)}", "age:gte:50"])),
        "third, age 89, seen": wanted(traits=parsed(["city:eq:上海", "age:gte:89"]), seen_after=half),
        "q, an id": f"u{rng.randrange(1, count)}",
        "q, a profile id": str(rng.randrange(1, count)),
        "q, a name": rng.choice(WORDS) + " " + rng.choice(WORDS),
        "q, nobody": f"nobody{rng.randrange(10**6)}",
    }


async def ask(database: Database, asked: Wanted | str, sort: Sort, cursor: str | None) -> str | None:
    """One page, as the door answers it; the next cursor."""
    place = PageAsked(50, pages.decode(cursor) if cursor else None)
    q, wanted = (asked, search.wanted()) if isinstance(asked, str) else (None, asked)
    async with database.transaction() as session:
        page = await search.page(session, place, q=q, wanted=wanted, sort=sort, unmasked=False)
    return page.next


async def explained(database: Database, asked: Wanted | str, sort: Sort) -> list[str]:
    """The indexes and sequential scans in the plans of one page."""
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _k: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "search" in statement or "activity" in statement or "identities" in statement:
            statements.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    await ask(database, asked, sort, None)
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    found: list[str] = []
    async with database.engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        for statement, parameters in statements:
            plan = await raw.fetch(f"EXPLAIN {statement}", *parameters)
            lines = [row[0].strip() for row in plan]
            found += [
                line.split("  (")[0].removeprefix("->  ") for line in lines if " Scan " in line and "CTE" not in line
            ]
    return list(dict.fromkeys(found))


async def measure(count: int, tries: int, *, explain: bool) -> None:
    """Print the times of every question in every order."""
    with temporary.scratch() as folder, temporary.postgres(folder, small=False) as server:
        async with databases.opened(server) as made:
            url = await made.clone("profile")
            began = time.perf_counter()
            await fill(url, count)
            print(f"{count:,} viewers copied in {time.perf_counter() - began:.0f} s", flush=True)
            # what it took to make them is no part of a service: the collector need not look at it again
            gc.collect()
            gc.freeze()
            settings = Settings(
                database_url=url, nats_url="nats://none", nats_monitor_url="http://none", secret="s" * 32
            )
            database = Database("profile", settings)
            rng = random.Random(11)
            everything: list[float] = []
            for name, sort in itertools.product(questions(count, rng), SORTS):
                if explain:
                    print(f"{name}, {sort}: {'; '.join(await explained(database, questions(count, rng)[name], sort))}")
                took = []
                for _ in range(tries):
                    asked = questions(count, rng)[name]
                    cursor: str | None = None
                    for _ in range(3):
                        began = time.perf_counter()
                        cursor = await ask(database, asked, sort, cursor)
                        took.append(time.perf_counter() - began)
                        if cursor is None:
                            break
                took.sort()
                everything += took
                at = [took[min(len(took) - 1, int(len(took) * share))] * 1000 for share in (0.5, 0.99)]
                print(f"{name:24} {sort:10} p50 {at[0]:6.1f} ms, p99 {at[1]:6.1f} ms, {len(took)} pages", flush=True)
            everything.sort()
            p99 = everything[int(len(everything) * 0.99)] * 1000
            print(f"all together: p50 {everything[len(everything) // 2] * 1000:.1f} ms, p99 {p99:.1f} ms")
            await database.close()


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    viewers, tries = [*numbers, *(1_000_000, 30)[len(numbers) :]]
    asyncio.run(measure(viewers, tries, explain="--explain" in sys.argv))
