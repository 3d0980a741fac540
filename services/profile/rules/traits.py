"""Which trait wins: the latest of the most trusted source by event time, for each trait by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import msgspec

from services.profile.rules import consents, contacts, definitions, looks, operations, sources
from services.profile.rules.sources import Registry
from shared import clock

Given = tuple[datetime, Mapping[str, Any]]
"""Traits as one call gave them, with its event time."""

MAX_BYTES = 64 * 1024
"""A profile is told whole in one message of at most 128 KB, so its traits must stay well below that."""

LARGEST = 16 * 1024
"""Bytes of one value as JSON: a larger one is refused, since it would take the place of all others."""


class Trait(msgspec.Struct, frozen=True, array_like=True):
    """A value, the event time that last said so (`at`), and the one that first said so since it was different.

    `how` is set while nothing but a set_once has spoken of it. `others` is what other sources say of the same trait of
    the same identity; the one that spoke last stands before them.
    """

    value: Any
    at: datetime
    since: datetime
    how: str | None = None
    source: str = ""
    others: tuple[Trait, ...] = ()

    @property
    def candidates(self) -> tuple[Trait, ...]:
        """What each source says, in a fixed order."""
        return (self, *self.others) if self.others else (self,)


Traits = dict[str, Trait]


def read(stored: Any) -> Traits:
    """Traits from their stored JSON."""
    return msgspec.convert(stored, Traits)


def write(traits: Traits) -> str:
    """Traits as the JSON to store."""
    return msgspec.json.encode(traits).decode()


class Whole(NamedTuple):
    """A profile as it is told: traits without contact data, channels it can be reached by, consent."""

    traits: dict[str, Any]
    since: dict[str, datetime]
    has: list[str]
    consent: dict[str, bool]
    consent_since: dict[str, datetime]


NOTHING = Whole({}, {}, [], {}, {})
"""A profile nobody has said anything about."""


def absorb(held: Mapping[str, Trait], given: Iterable[Given], *, source: str = "") -> Traits:
    """Traits of one identity after these calls of one source. Null clears; it stays as a tombstone against late calls.

    At equal times the later call wins. Repeating a value moves `at` and leaves `since`. What other sources say stays.
    """
    return fit(heard(held, given, source=source))


def heard(held: Mapping[str, Trait], given: Iterable[Given], *, source: str = "") -> Traits:
    """Traits after these calls as `absorb` says, before there is room for all of them."""
    result = dict(held)
    for at, traits in given:
        for name, value in traits.items():
            whole = result.get(name)
            said = _said(_by(whole, source), at, value, source)
            if said is not None:
                result[name] = _beside(whole, said)
    return result


def _said(old: Trait | None, at: datetime, value: Any, source: str) -> Trait | None:
    """What a source says of a trait after it gave this value; None when that changes nothing."""
    if isinstance(value, operations.Operation):
        state = operations.applied(operations.State(old.value, old.at, old.how) if old else None, value, at)
        if state is None:
            return None
        since = at if old is None or state.how else max(at, old.since)
        return Trait(state.value, state.at, since, state.how, source)
    if old is None:
        return Trait(value, at, at, None, source)
    if at >= old.at or (old.how == operations.ONCE and value is not None):
        same = type(value) is type(old.value) and value == old.value
        return Trait(value, at, old.since if same else at, None, source)
    return None


def _by(whole: Trait | None, source: str) -> Trait | None:
    """What one source says; of files what the last of them says."""
    if whole is None or (whole.source == source and not whole.others):
        return whole
    return next((one for one in whole.candidates if _speaks_for(one.source, source)), None)


def _beside(whole: Trait | None, said: Trait) -> Trait:
    """A trait with what one source says now beside what others say; the order does not depend on who came first."""
    if whole is None or (whole.source == said.source and not whole.others):
        return said
    every = [said, *(alone(one) for one in whole.candidates if not _speaks_for(one.source, said.source))]
    first, *others = sorted(every, key=lambda one: (one.at, one.source), reverse=True)
    return msgspec.structs.replace(first, others=tuple(others))


def _speaks_for(source: str, other: str) -> bool:
    """Whether what one source says takes the place of what the other said.

    Files are one source: a platform that imports every night would else keep every night's word, until all its other
    traits had lost their place (test_imports_every_night_take_no_place).
    """
    return source == other or (source.startswith(sources.FILE) and other.startswith(sources.FILE))


def alone(trait: Trait) -> Trait:
    """What one source says, without the others."""
    return msgspec.structs.replace(trait, others=()) if trait.others else trait


def winner(candidates: Sequence[Trait], registry: Registry = sources.PLAIN) -> Trait | None:
    """Which candidate counts: the highest rank, then the latest, then the first; None when nobody says anything.

    A null is a statement about the past: it clears what its source and all that rank no higher had said until then, and
    what they say later counts again.
    """
    if len(candidates) == 1:
        return candidates[0] if candidates[0].value is not None else None
    keys = [(registry.rank(one.source), one.at, -place) for place, one in enumerate(candidates)]
    nulls = [key for key, one in zip(keys, candidates, strict=True) if one.value is None]
    best: tuple[int, datetime, int] | None = None
    for key, one in zip(keys, candidates, strict=True):
        if one.value is None or any(
            rank >= key[0] and (at, rank, place) > (key[1], key[0], key[2]) for rank, at, place in nulls
        ):
            continue
        if best is None or key > best:
            best = key
    return None if best is None else candidates[-best[2]]


def _since(found: Trait, said: Sequence[Trait], registry: Registry) -> datetime:
    """Since when the winner's value holds: another source that says the same does not begin it anew."""
    rank = registry.rank(found.source)
    same = [one for one in said if type(one.value) is type(found.value) and one.value == found.value]
    against = [one.at for one in said if one not in same and one.at <= found.at and registry.rank(one.source) >= rank]
    return min(one.since for one in same if one is found or not against or one.since >= max(against))


def candidates(identities: Iterable[Mapping[str, Trait]]) -> dict[str, list[Trait]]:
    """What every source of every identity says of each trait, in a fixed order."""
    found: dict[str, list[Trait]] = {}
    for held in identities:
        for name, trait in held.items():
            found.setdefault(name, []).extend(trait.candidates)
    return found


def refuses(name: str, value: Any) -> bool:
    """Whether an answer is a no to being contacted, or to a purpose."""
    return value is (name == consents.UNSUBSCRIBED)


def overturns(name: str, value: Any, counts: Any) -> bool:
    """Whether a file that says this would take back the no that counts: lists are old, and only he takes it back."""
    return is_own_word(name) and refuses(name, counts) and not refuses(name, value)


def own_words(name: str, said: Sequence[Trait]) -> Sequence[Trait]:
    """What was said of an answer, without the yes of a file where somebody has said no: ids may meet later."""
    if not any(sources.is_second_hand(one.source) for one in said) or not any(refuses(name, one.value) for one in said):
        return said
    return [one for one in said if refuses(name, one.value) or not sources.is_second_hand(one.source)]


def is_own_word(name: str) -> bool:
    """Whether a trait is the viewer's own word about being contacted: the last one counts, whatever its source."""
    return consents.is_consent(name) or name == consents.UNSUBSCRIBED


def view(identities: Iterable[Mapping[str, Trait]], registry: Registry = sources.PLAIN) -> Traits:
    """Traits of a profile: of each what the most trusted source said last. Give identities in a fixed order (ties).

    The star sign comes from the birthday where nobody says it.
    """
    result: Traits = {}
    for name, said in candidates(identities).items():
        # Of two answers about consent the last one counts, whoever wrote it down.
        found = winner(own_words(name, said), sources.EQUAL) if is_own_word(name) else winner(said, registry)
        if found is not None:
            since = found.since if len(said) == 1 else _since(found, said, registry)
            result[name] = msgspec.structs.replace(found, since=since, others=()) if len(said) > 1 else found
    born = result.get("birthday")
    if born is not None and "star_sign" not in result and (sign := definitions.star_sign(born.value)):
        result["star_sign"] = Trait(sign, born.at, born.since, None, "computed:birthday")
    return fit(result)


def aged(traits: Traits, today: date) -> Traits:
    """Traits of a profile on a day: the age comes from the birthday where nobody says it, since the last of them."""
    said = traits.get("birthday")
    if said is None or "age" in traits:
        return traits
    years, since = definitions.age(said.value, today), definitions.last_birthday(said.value, today)
    if years is None or since is None:
        return traits
    begun = max(said.since, datetime(since.year, since.month, since.day, tzinfo=UTC))
    return traits | {"age": Trait(years, said.at, begun, None, "computed:birthday")}


def fits(value: Any) -> bool:
    """Whether a value is small enough to be a trait."""
    if value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) < LARGEST // 6):
        return True  # no letter takes more than six bytes
    plain = value.value if isinstance(value, operations.Operation) else value
    return len(msgspec.json.encode(plain)) <= LARGEST


def _weight(name: str) -> int:
    """What keeps its place where there is no room for all: answers that may be asked for, other answers, the rest."""
    if not is_own_word(name):
        return 0
    return 2 if name.removeprefix(consents.PREFIX) in consents.ASKED else 1


def fit(traits: Traits) -> Traits:
    """The traits, without those heard longest ago where all together are larger than `MAX_BYTES`.

    What he said about being contacted comes first: without it he could be reached again. A trait that has no room with
    what every source says of it keeps what was said last.
    """
    if len(msgspec.json.encode(traits)) <= MAX_BYTES:
        return traits
    kept: Traits = {}
    size = 2
    ordered = sorted(traits.items(), key=lambda item: (_weight(item[0]), item[1].at, item[0]), reverse=True)
    for name, trait in ordered:
        for one in (trait, alone(trait)):
            more = len(msgspec.json.encode((name, one)))
            if size + more <= MAX_BYTES:
                kept[name] = one
                size += more
                break
    return kept


def whole(identities: Iterable[Mapping[str, Trait]], registry: Registry = sources.PLAIN) -> Whole:
    """What may be told of a profile. Of a personal birthday that is the day without its year."""
    today = clock.now().date()
    traits = aged(view(identities, registry), today)
    values = {name: trait.value for name, trait in traits.items()}
    public = {
        name: contacts.scrubbed(value)
        for name, value in values.items()
        if not consents.is_consent(name) and not registry.is_personal(name) and not looks.is_contact(name, value)
    }
    if "birthday" in values and "birthday" not in public and (day := definitions.day_of_year(values["birthday"])):
        public["birthday"] = day
    grounds = consents.grounds(values, today)
    return Whole(
        traits=public,
        since={name: traits[name].since for name in public},
        has=contacts.channels(values),
        consent={name: answer for name, (answer, _) in grounds.items()},
        consent_since={name: traits[by].since for name, (_, by) in grounds.items()},
    )
