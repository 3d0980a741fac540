"""Before a manual campaign goes out: its audience is there, its time is not past, nobody undoes another's change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from shared import clock
from tests.campaign.conftest import People, Segments
from tests.campaign.mail import MailServer
from tests.campaign.samples import AS_OF, PATH, begin, body, finished, manual, messages, post, put
from tests.harness.eventually import eventually
from tests.harness.houses import Running

Campaign = Callable[..., Awaitable[Running]]


async def waits_for(running: Running, reason: str) -> dict[str, Any]:
    """The campaign, whose planning waits for this. For `eventually`."""
    shown: dict[str, Any] = (await running.client.get(PATH)).json()
    assert shown["planning"]["waits_for"] == reason, shown
    return shown


async def test_a_campaign_whose_segment_is_gone_is_not_started(
    campaign: Campaign, people: People, segments: Segments
) -> None:
    running = await campaign()
    await put(running, manual())
    for says in ("there is no segment 'silent'", "archived is the segment 'silent'"):
        for act in ("estimate", "submit"):
            answer = await running.client.post(f"{PATH}/{act}")
            assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-audience"), act
            assert answer.json()["errors"][0] == {
                "field": "trigger.manual.segment", "message": f"{says}: choose another",
            }  # fmt: skip
        segments.archived = {"silent"}
    segments.of = {"silent": [1]}
    await post(running, "submit")
    await post(running, "approve", headers=running.headers("approver", caller_id="boss"))
    segments.of = {}
    assert (await running.client.post(f"{PATH}/start")).json()["type"] == "/problems/no-audience"
    assert (await running.client.get(PATH)).json()["state"] == "approved"


async def test_planning_waits_until_its_segment_is_filled(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    segments.of = {"silent": [1, 2, 3, 4]}
    segments.filling = {"silent"}
    running = await campaign()
    await put(running, manual())
    estimate = await post(running, "estimate")
    assert (estimate["audience"], estimate["complete"]) == (2, False)
    await begin(running, manual())
    shown = await eventually(lambda: waits_for(running, "segment_filling"))
    assert (shown["state"], shown["planning"]["planned"], mail.arrived) == ("running", 0, [])
    progress = (await running.client.get(f"{PATH}/progress")).json()
    assert (progress["planning_done"], progress["planning_waits_for"]) == (False, "segment_filling")
    segments.filling = set()
    with clock.at(datetime.now(UTC) + timedelta(minutes=1)):
        shown = await eventually(lambda: finished(running))
    assert (shown["planning"]["planned"], shown["planning"]["waits_for"]) == (4, None)
    assert sorted(mail.addresses) == [f"p{n}@example.com" for n in range(1, 5)]


async def test_planning_waits_when_its_segment_is_archived_on_the_way_or_nobody_answers(
    campaign: Campaign, people: People, segments: Segments
) -> None:
    segments.of = {"silent": list(range(1, 6001))}
    running = await campaign(smtp_url=None)
    answered = segments.members

    def archived_after_a_page(asked: Any) -> Any:
        if asked.after:
            segments.of.pop("silent", None)
            segments.archived = {"silent"}
        return answered(asked)

    segments.answer = archived_after_a_page
    await begin(running, manual())
    shown = await eventually(lambda: waits_for(running, "segment_archived"), timeout=30)
    assert (shown["state"], shown["planning"]["planned"], shown["planning"]["done"]) == ("running", 5000, False)


async def test_without_segment_a_campaign_may_start_and_says_what_it_waits_for(
    campaign: Campaign, people: People
) -> None:
    running = await campaign()
    await begin(running, manual())
    await eventually(lambda: waits_for(running, "segment_unreachable"))
    await post(running, "pause")
    assert (await running.client.get(PATH)).json()["planning"]["waits_for"] is None


async def test_a_time_that_is_past_is_refused_until_somebody_says_at_once(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    running = await campaign(default_zone="Asia/Shanghai")
    boss = running.headers("approver", caller_id="boss")
    now = datetime.now(UTC)
    shanghai = (now + timedelta(hours=8)).replace(tzinfo=None)

    async def refused(act: str, **options: Any) -> None:
        answer = await running.client.post(f"{PATH}/{act}", **options)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/time-is-past"), answer.text
        assert "late=true" in answer.json()["detail"]

    for past in ({"at": (now - timedelta(hours=1)).isoformat()}, {"local": shanghai - timedelta(hours=1)}):
        await put(running, manual({"list": ["1"]}, time={name: str(value) for name, value in past.items()}))
        await refused("submit")
    at = now + timedelta(hours=1)
    await put(running, manual({"list": ["1"]}, time={"at": at.isoformat()}))
    await post(running, "submit")
    with clock.at(at + timedelta(hours=14)):
        await refused("approve", headers=boss)
    await post(running, "approve", headers=boss)
    with clock.at(at + timedelta(hours=14)):
        await refused("start")
        await post(running, "start", params={"late": True})
        await eventually(lambda: finished(running))
    assert mail.addresses == ["p1@example.com"]


async def test_while_it_waits_for_its_time_a_campaign_says_when_it_begins(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    running = await campaign()
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    await begin(running, manual({"list": ["1"]}, time={"at": at.isoformat()}))
    progress = (await running.client.get(f"{PATH}/progress")).json()
    assert datetime.fromisoformat(progress["planning_begins_at"]) == at
    assert (progress["planning_done"], progress["planning_waits_for"], progress["eta"]) == (False, None, None)
    with clock.at(at + timedelta(seconds=1)):
        await eventually(lambda: finished(running))
        assert (await running.client.get(PATH)).json()["planning"]["begins_at"] is None


async def test_of_two_editors_the_second_is_told(campaign: Campaign) -> None:
    client = (await campaign()).client
    first = await client.put(PATH, json=body(), headers={"If-None-Match": "*"})
    assert first.status_code == 201
    taken = await client.put(PATH, json=body(), headers={"If-None-Match": "*"})
    assert (taken.status_code, taken.json()["type"]) == (412, "/problems/key-taken")
    seen = (await client.get(PATH)).headers["etag"]
    assert seen == first.headers["etag"]
    mine = await client.put(PATH, json=body() | {"name": "Mine"}, headers={"If-Match": seen})
    assert (mine.status_code, mine.headers["etag"] == seen) == (200, False)
    yours = await client.put(PATH, json=body() | {"name": "Yours"}, headers={"If-Match": seen})
    assert (yours.status_code, yours.json()["type"]) == (412, "/problems/changed-meanwhile")
    started = await client.post(f"{PATH}/start")
    assert (await client.get(PATH)).headers["etag"] == started.headers["etag"] != mine.headers["etag"]
    assert (await client.get(PATH)).json()["name"] == "Mine"
    several = {"If-Match": f'"x", {started.headers["etag"]}'}
    assert (await client.put(PATH, json=body(), headers=several)).status_code == 200
    assert (await client.put(PATH, json=body(), headers={"If-Match": "*"})).status_code == 200
    gone = await client.put("/v1/campaigns/none", json=body(), headers={"If-Match": "*"})
    assert (gone.status_code, gone.json()["type"]) == (412, "/problems/changed-meanwhile")
    assert (await client.get("/v1/campaigns/none")).status_code == 404


async def test_a_list_is_shown_and_kept(
    campaign: Campaign, mail: MailServer, people: People, segments: Segments
) -> None:
    running = await campaign()
    refs = ["7", "user_id:u1", "email:bob@example.com"]
    await put(running, manual({"list": refs}))
    first = (await running.client.get(f"{PATH}/list", params={"limit": 2})).json()
    second = (await running.client.get(f"{PATH}/list", params={"limit": 2, "cursor": first["next"]})).json()
    assert [(one["place"], one["ref"]) for one in first["items"] + second["items"]] == [
        (1, "7"), (2, "user_id:u1"), (3, "email:b•••@example.com"),
    ]  # fmt: skip
    assert second["next"] is None
    assert (await put(running, manual({})))["version"] == 1, "nothing is new"
    changed = await put(running, manual({}, content={"body": "Other"}))
    assert (changed["version"], changed["trigger"]["manual"]["list_length"]) == (2, 3)
    assert len((await running.client.get(f"{PATH}/list")).json()["items"]) == 3
    await begin(running, manual({"list": ["7", "user_id:u1"]}))
    await begin(running, manual({"segment": "silent"}) | {"trigger": {"manual": {"list": ["1"]}}}, f"{PATH}.other")
    await eventually(lambda: finished(running))
    assert {one["profile_id"] for one in await messages(running, "back")} == {1, 7}
    nothing = await running.client.put(f"{PATH}.new", json=manual({}))
    assert (nothing.status_code, nothing.json()["errors"][0]["field"]) == (422, "trigger.manual")
    segments.of = {"silent": [1]}
    await put(running, manual({"segment": "silent"}), f"{PATH}.segment")
    assert (await running.client.put(f"{PATH}.segment", json=manual({}))).status_code == 422
    assert (await running.client.get(f"{PATH}.segment/list")).json() == {"items": [], "next": None}
    assert (await running.client.get("/v1/campaigns/none/list")).status_code == 404


async def test_every_act_leaves_its_note_for_the_audit_log_and_who_did_it(
    campaign: Campaign, people: People, segments: Segments
) -> None:
    segments.of = {"silent": [1]}
    running = await campaign(smtp_url=None)
    boss = running.headers("approver", caller_id="boss")
    client = running.client

    async def noted(method: str, act: str, action: str, **options: Any) -> None:
        answer = await client.request(method, f"{PATH}{act}", **options)
        assert answer.status_code < 300, answer.text
        note = answer.headers["x-marquee-audit"].split()
        assert note[:2] == [f"campaigns.{action}", "campaign:back"], act

    await noted("PUT", "", "create", json=manual())
    await noted("PUT", "", "change", json=manual() | {"name": "Other"})
    await noted("POST", "/submit", "submit")
    await noted("POST", "/reject", "reject", json={"note": "no"}, headers=boss)
    await noted("POST", "/submit", "submit")
    await noted("POST", "/approve", "approve", headers=boss)
    await noted("POST", "/start", "start", headers=running.headers("operator", caller_id="anna"))
    await noted("POST", "/pause", "pause")
    await noted("POST", "/resume", "resume")
    await noted("GET", "/recipients.csv", "export")
    await noted("POST", "/cancel", "cancel", headers=running.headers("operator", caller_id="bert"))
    shown = (await client.get(PATH)).json()
    assert (shown["submitted_by"] != "boss", shown["approved_by"]) == (True, "boss")
    assert (shown["started_by"], shown["ended_by"]) == ("anna", "bert")
    await noted("DELETE", "", "archive")
    past = manual({"list": ["1"]})
    await put(running, past, f"{PATH}.past")
    told = {"messages": [{"ref": "1", "at": AS_OF.isoformat()}]}
    history = await client.post(f"{PATH}.past/history", json=told)
    assert history.headers["x-marquee-audit"] == "campaigns.history campaign:back.past added:1"
    sms = manual() | {"channel": "sms", "content": {"body": "x"}}
    await put(running, sms, f"{PATH}.sms")
    test = await client.post(f"{PATH}.sms/test", json={"address": "+8613800000000"})
    assert test.headers["x-marquee-audit"] == "campaigns.test campaign:back.sms", "no address stands in the log"


async def test_an_estimate_counts_every_reason_and_every_channel(
    campaign: Campaign, people: People, segments: Segments
) -> None:
    segments.of = {"silent": list(range(1, 31))}
    people.refused = {1: "no_consent"}
    people.refused_on = {("sms", n): "no_address" for n in range(1, 21)}
    people.addresses = {2: "nobody", 3: "no body@example.com"}
    people.traits = {n: {"name": f"n{n}", "timezone": "Etc/GMT+1"} for n in range(5, 31)}
    running = await campaign()
    content = {"missing": "skip", "body": "{{ profile.traits.name }}"}
    utc = datetime(2026, 5, 1, 22, 30, tzinfo=UTC)
    quiet = {"from": "21:00", "to": "22:00"}
    with clock.at(utc):
        await put(running, manual(content=content, quiet_hours=quiet))
        estimate = await post(running, "estimate")
    assert estimate["unreachable"] == {"no_consent": 1}
    assert estimate["unwritable"] == {"bad_address": 2, "missing_value": 1}
    assert (estimate["planned"], estimate["waiting"], estimate["exact"]) == (26, {"quiet_hours": 26}, True)
    assert estimate["channels"]["email"] == {"reachable": 29, "unreachable": {"no_consent": 1}, "exact": True}
    assert estimate["channels"]["sms"] == {"reachable": 10, "unreachable": {"no_address": 20}, "exact": True}


async def test_the_manners_in_effect_are_shown(campaign: Campaign) -> None:
    running = await campaign(
        quiet_hours="22:00-08:00", default_zone="Europe/Berlin", marketing_cap=3, sms_url="https://u:pw@sms.test/send"
    )
    shown = (await running.client.get("/v1/campaigns/-/manners", headers=running.headers("viewer"))).json()
    channels = {one.pop("channel"): one for one in shown.pop("channels")}
    assert shown == {
        "quiet_hours": {"from": "22:00", "to": "08:00"}, "zone": "Europe/Berlin", "cap": 3, "cap_days": 7,
        "approve_own": False, "mail_from": "Marquee <marquee@localhost>", "public_url": "http://marquee.test",
        "one_click": False,
    }  # fmt: skip
    ready = {"ready": True, "reason": None}
    assert channels == {
        "email": {"goes_to": "provider", "host": "127.0.0.1"} | ready,
        "sms": {"goes_to": "provider", "host": "sms.test"} | ready,
        "push": {"goes_to": "sink", "host": None} | ready,
        "inbox": {"goes_to": "inbox", "host": None} | ready,
    }


async def test_manners_without_settings(campaign: Campaign) -> None:
    running = await campaign(smtp_url=None, marketing_cap=0)
    shown = (await running.client.get("/v1/campaigns/-/manners")).json()
    assert (shown["quiet_hours"], shown["zone"], shown["cap"]) == (None, "Asia/Shanghai", None)
    email = shown["channels"][0]
    assert (email["goes_to"], email["ready"]) == (None, False)
    assert "MARQUEE_SMTP_URL" in email["reason"]
