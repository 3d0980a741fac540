"""Contact data and what viewers wrote: sealed wherever it is kept, readable for those who may see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from services.profile.actions import erasures, identity, keys, profiles
from services.profile.actions.contacts import contacts as ask
from services.profile.actions.events import absorb
from services.profile.app import SERVICE
from services.profile.rules import contacts, sealing
from services.profile.schemas.erasures import NewErasure
from services.profile.schemas.links import NamespaceInput
from services.profile.schemas.profiles import TimelineAsked
from services.profile.tables import profiles as profiles_table
from services.profile.tables import suppressed
from shared import lasting
from shared.contracts import ContactsAsked, EventRecorded, Fact, IdentityLinked, ResolveAsked
from shared.database import Database, is_outage
from shared.errors import Invalid
from shared.jobs import JobRow
from shared.lasting import OtherSecret
from shared.pages import PageAsked
from shared.settings import Settings
from tests.harness.eventually import eventually
from tests.harness.houses import Opening
from tests.profile.samples import call

KEY = b"k" * 32
Take = Callable[..., Awaitable[list[Fact]]]


def test_what_is_sealed_opens_only_with_its_key_for_its_origin_and_kind() -> None:
    for value in ("bob@example.com", ["t1", "t2"], {"city": "上海"}, 13800138000, "enc:email:nested"):
        sealed = sealing.seal(KEY, "user_id:u1", "contact", value)
        assert sealing.kind(sealed) == "contact"
        assert "bob" not in sealed
        assert sealing.unseal(KEY, "user_id:u1", sealed) == value
        for key, origin, what in (
            (b"x" * 32, "user_id:u1", sealed),
            (KEY, "user_id:u2", sealed),
            (KEY, "user_id:u1", sealed.replace("contact", "text")),
            (KEY, "user_id:u1", sealed[:-8] + "AAAAAAA="),
            (KEY, "user_id:u1", "enc:email:junk"),
            (KEY, "user_id:u1", "enc:"),
        ):
            with pytest.raises(sealing.Unsealable):
                sealing.unseal(key, origin, what)


def test_the_same_value_seals_alike_for_one_origin_only() -> None:
    assert sealing.seal(KEY, "a:1", "text", "x") == sealing.seal(KEY, "a:1", "text", "x")
    assert sealing.seal(KEY, "a:1", "text", "x") != sealing.seal(KEY, "a:2", "text", "x")


def test_a_wrapped_key_is_bound_to_its_origin() -> None:
    wrapped = sealing.wrap(KEY, "a:1", b"d" * 32)
    assert sealing.unwrap(KEY, "a:1", wrapped) == b"d" * 32
    for key, origin in ((KEY, "a:2"), (b"x" * 32, "a:1")):
        with pytest.raises(sealing.Unsealable):
            sealing.unwrap(key, origin, wrapped)


def test_what_is_sealed_is_found_at_any_depth_and_nothing_else_is_touched() -> None:
    plain = {"plan": "pro", "n": 3, "list": [1, {"a": None}], "email": True, "text": ""}
    assert contacts.sealed(plain, lambda of, value: of) is plain
    assert not contacts.has_secret(plain)
    deep = {"a": {"b": [{"phoneNumber": "13800138000"}, "x@y.zz"]}, "text": "hello", "device_tokens": ["t"]}
    assert contacts.sealed(deep, lambda of, value: f"enc:{of}:") == {
        "a": {"b": [{"phoneNumber": "enc:phone:"}, "enc:contact:"]},
        "text": "enc:text:",
        "device_tokens": "enc:contact:",
    }
    assert contacts.has_secret(deep)


async def everything(db: Database) -> str:
    """All rows of all tables as one text."""
    async with db.transaction() as session:
        tables = await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        rows: list[str] = []
        for table in list(tables):
            rows += await session.scalars(text(f"SELECT t::text FROM {table} AS t"))
            if table in ("outbox", "dead_letters"):
                rows += await session.scalars(text(f"SELECT encode(payload, 'escape') FROM {table}"))
    return "\n".join(rows)


async def test_no_contact_data_and_no_comment_stands_readable_in_the_database_or_in_facts(
    take: Take, db: Database
) -> None:
    told = await take(
        call(
            "identify",
            user_id="u1",
            traits={"email": "canary-mail@example.com", "address": {"street": "canary-street"}},
        ),
        call(
            user_id="u1",
            event="Content Commented",
            properties={"text": "canary-text", "phone": "13812345678", "plan": "pro"},
            context={
                "device": {"push_token": "canary-token"},
                "traits": {"mobile": "13812345678"},
                "externalIds": [
                    {"id": "13812345678", "type": "phone", "collection": "users"},
                    {"id": "13812345678", "type": "mobile"},
                    {"id": "canary@crm.example", "type": "crm_id"},
                    {"id": "shop-7", "type": "shop_id"},
                ],
            },
        ),
        call(
            user_id="u1",
            event="Form Sent",
            properties={
                "手机号": "13812345678",
                "contact_phone": 13812345678,
                "note": "reach me: Bob <canary@x.example>",
                "callback": "+86 138-1234-5678",
                "comment": "canary-comment",
                "fields": [{"name": "电话", "value": "canary-phone"}],
                "link": "https://x.example/?email=canary%40x.example&utm_source=mail",
            },
        ),
        call("identify", user_id="u1", traits={"邮箱": "canary@y.example", "receiver_mobile": "13812345678"}),
    )
    kept = await everything(db)
    assert "pro" in kept
    for canary in ("canary", "13812345678", "138-1234-5678"):
        assert canary not in kept
        assert canary not in str(told)
    assert "shop_id:shop-7" in kept
    assert "https://x.example/?email=•••&utm_source=mail" in kept
    recorded = next(fact for fact in told if isinstance(fact, EventRecorded) and fact.event == "Content Commented")
    assert recorded.properties.keys() == {"text", "plan"}
    assert sealing.kind(recorded.properties["text"]) == "text"


async def test_an_id_that_is_contact_data_is_found_under_any_name(take: Take, db: Database) -> None:
    ids = [{"id": "Bob@crm.example", "type": "crm_id"}, {"id": "13812345678", "type": "mobile"}]
    await take(call("identify", user_id="u1", context={"externalIds": ids}))
    await take(call("identify", user_id="u2", traits={"plan": "pro"}))
    async with db.transaction() as session:
        refs = ["crm_id:bob@crm.example", "email:bob@crm.example", "mobile:+8613812345678", "phone:13812345678"]
        found = (await profiles.resolve(session, ResolveAsked(refs=refs))).profile_ids
    assert found == dict.fromkeys(refs, 1)


async def test_operators_say_which_ids_are_contact_data(take: Take, db: Database) -> None:
    plain = {"priority": 50, "most": 5, "merges_per_day": 5}
    async with db.transaction() as session:
        await identity.put_namespace(session, "wechat_id", NamespaceInput(**plain, contact=True))
        assert (await identity.put_namespace(session, "wechat_id", NamespaceInput(**plain))).contact
        assert (await identity.put_namespace(session, "email", NamespaceInput(**plain))).contact
        for name in ("email", "user_id"):
            with pytest.raises(Invalid):
                await identity.put_namespace(session, name, NamespaceInput(**plain, contact=name == "user_id"))
    told = await take(call("identify", user_id="u1", context={"externalIds": [{"id": "Canary", "type": "wechat-id"}]}))
    assert "Canary" not in await everything(db)
    assert "Canary" not in str(told)
    assert not any(isinstance(fact, IdentityLinked) and fact.namespace == "wechat_id" for fact in told)
    async with db.transaction() as session:
        assert (await profiles.resolve(session, ResolveAsked(refs=["wechat_id:Canary"]))).profile_ids
        with pytest.raises(identity.InUse):
            await identity.put_namespace(session, "wechat_id", NamespaceInput(**plain, contact=False))


async def test_a_viewer_does_not_see_contact_data_in_ids_of_calls(take: Take, db: Database) -> None:
    ids = [{"id": "13812345678", "type": "phone"}]
    await take(call(user_id="u1", context={"externalIds": ids}))
    async with db.transaction() as session:
        asked = TimelineAsked([], [], [], None, None, None)
        for unmasked, shown in ((False, "•••78"), (True, "13812345678")):
            page = await profiles.timeline(session, "user_id:u1", PageAsked(10, None), asked, unmasked=unmasked)
            assert page.items[0].context["externalIds"] == [{"id": shown, "type": "phone"}]
            assert profiles.discloses(page.items) is unmasked


async def test_addresses_are_opened_at_the_moment_of_asking(take: Take, db: Database) -> None:
    await take(call("identify", user_id="u1", traits={"email": "bob@example.com", "name": "Bob"}))
    await take(call("identify", user_id="u2", traits={"email": "enc:email:made-up"}))
    async with db.transaction() as session:
        answer = await ask(session, ContactsAsked(profile_ids=[1, 2], channel="email"))
    assert [(one.address, one.traits) for one in answer.contacts] == [("bob@example.com", {"name": "Bob"})]
    assert answer.refused == {2: "no_address"}


async def test_repeating_an_address_is_no_change(take: Take, db: Database) -> None:
    first = call("identify", user_id="u1", traits={"email": "bob@example.com"})
    await take(first)
    assert await take(call("identify", user_id="u1", traits={"email": "bob@example.com"}, after=60)) == []


async def test_a_data_key_is_rewrapped_under_a_new_secret(take: Take, db: Database) -> None:
    await take(*(call("identify", user_id=f"u{n}", traits={"email": f"u{n}@example.com"}) for n in range(3)))
    changed = db.settings.model_copy(update={"secret": SecretStr("n" * 32), "previous_secret": db.settings.secret})
    job = JobRow(1, keys.REWRAP, "all", {}, None, 0, 3, datetime.now(UTC))
    question = ContactsAsked(profile_ids=[1, 2, 3], channel="email")
    later = Database("profile", changed)
    alone = Database("profile", changed.model_copy(update={"previous_secret": None}))
    try:
        async with later.transaction() as session:
            assert len((await ask(session, question)).contacts) == 3  # both keys are known meanwhile
            progress = await keys.rewrap(session, job)
        assert (progress.done, progress.finished) == (3, True)
        async with alone.transaction() as session:
            assert len((await ask(session, question)).contacts) == 3
    finally:
        await later.close()
        await alone.close()
    with pytest.raises(OtherSecret, match="MARQUEE_PREVIOUS_SECRET") as raised:
        async with db.transaction() as session:
            await ask(session, question)
    # Events that come meanwhile wait for the operator instead of becoming dead letters.
    assert is_outage(raised.value)


async def test_blind_indexes_and_suppression_outlive_a_secret(take: Take, db: Database) -> None:
    await take(call("identify", user_id="u1", traits={"email": "bob@example.com"}))
    await take(call("identify", user_id="u2", anonymous_id="a2", traits={"phone": "13812345678"}))
    async with db.transaction() as session:
        await erasures.request(session, NewErasure(ref="user_id:u2"), by="tool")
    second = db.settings.model_copy(update={"secret": SecretStr("n" * 32), "previous_secret": db.settings.secret})
    for settings in (second, second.model_copy(update={"previous_secret": None})):
        later = Database("profile", settings)
        try:
            async with later.transaction() as session:
                assert await profiles.found(session, "email:Bob@example.com") == 1
                with pytest.raises(profiles.UnknownProfile):
                    await profiles.found(session, "phone:13812345678")
                await absorb(
                    session, [call(user_id="u2"), call("identify", user_id="u9", traits={"phone": "13812345678"})]
                )
                with pytest.raises(profiles.UnknownProfile):
                    await profiles.found(session, "user_id:u2")
                assert await profiles.found(session, "user_id:u9")
        finally:
            await later.close()
    third = Database("profile", second.model_copy(update={"secret": SecretStr("x" * 32), "previous_secret": None}))
    try:
        with pytest.raises(OtherSecret):
            async with third.transaction() as session:
                await profiles.found(session, "email:bob@example.com")
    finally:
        await third.close()


async def test_an_installation_that_counted_before_goes_on_with_its_key(take: Take, db: Database) -> None:
    key = db.settings.key("blind")
    await take(call(user_id="u1"))
    async with db.transaction() as session:
        await session.execute(text("DELETE FROM lasting_keys"))
    again = Database("profile", db.settings)
    try:
        async with again.transaction() as session:
            assert await lasting.key(session, "blind", since=profiles_table) == key
            fresh = await lasting.key(session, "suppression", since=suppressed)
            assert fresh != db.settings.key("suppression")
    finally:
        await again.close()


async def test_only_admins_read_what_viewers_wrote(open_house: Callable[..., Opening]) -> None:
    running = await open_house(SERVICE)
    await running.tell(call(user_id="u1", event="Danmaku Sent", properties={"text": "哈哈", "content_id": "7"}))

    async def shown(role: str) -> Any:
        answer = await running.client.get("/v1/profiles/user_id:u1/events", headers=running.headers(role))
        return answer.status_code == 200 and answer.json()["items"][0]["properties"]

    async def recorded() -> bool:
        return bool(await shown("admin"))

    await eventually(recorded)
    assert await shown("admin") == {"text": "哈哈", "content_id": "7"}
    assert await shown("operator") == {"text": "•••", "content_id": "7"}


def test_a_short_secret_before_this_one_is_refused() -> None:
    with pytest.raises(ValueError, match="32 characters"):
        Settings(
            database_url="postgresql://x", nats_url="n", nats_monitor_url="h", secret="s" * 32, previous_secret="x"
        )


async def test_rewrapping_is_a_job_for_admins(open_house: Callable[..., Opening]) -> None:
    running = await open_house(SERVICE)
    assert (
        await running.client.post("/v1/privacy/keys/rewrap", headers=running.headers("operator"))
    ).status_code == 403
    begun = await running.client.post("/v1/privacy/keys/rewrap")
    assert begun.status_code == 202

    async def finished() -> bool:
        job = await running.client.get(f"/v1/services/profile/jobs/{begun.json()['job_id']}")
        return bool(job.json()["state"] == "finished")

    await eventually(finished)


async def test_reading_a_personal_trait_is_noted_like_reading_an_address(take: Take, db: Database) -> None:
    await take(call("identify", user_id="u1", traits={"birthday": "1990-05-04"}), call("identify", user_id="u2"))
    async with db.transaction() as session:
        born = await profiles.by_ref(session, "user_id:u1", unmasked=True)
        other = await profiles.by_ref(session, "user_id:u2", unmasked=True)
        assert await profiles.exposed(session, [born, other]) == [f"profile:{born.profile_id}"]
