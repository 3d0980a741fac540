"""Drafts of campaigns: what the API shows comes back unchanged, and only the texts that a channel has are sent."""

from __future__ import annotations

from typing import Any, get_args

from gateway.console.pages.campaigns import drafts
from gateway.console.parts.rule import Known
from gateway.console.parts.rule.fields import Editing
from gateway.console.parts.rule.shape import OF_TYPE
from services.campaign.schemas.campaigns import CampaignInput
from services.campaign.schemas.manners import Operator

SHOWN: dict[str, Any] = {
    "key": "k",
    "name": "One",
    "state": "draft",
    "version": 3,
    "trigger": {"segment_entered": None, "event": None, "manual": {"segment": "fans", "list_length": None}},
    "channel": "email",
    "content": {
        "subject": "s",
        "body": "b",
        "html": None,
        "link": None,
        "missing": "skip",
        "variants": [
            {"name": "tag:a", "when": {"segment": None, "tag": "a"}, "subject": "t", "body": "c", "html": None}
        ],
    },
    "time": {"at": None, "local": "2027-01-01T08:00:00"},
    "quiet_hours": {"from": "22:00", "to": "08:00"},
    "rate": None,
    "transactional": False,
    "holdout": 0.1,
    "conversion": {"event": "Order Completed", "where": [{"property": "p", "eq": 1, "ne": None}], "within": "7d"},
    "tracking": True,
    "note": None,
}


def test_what_is_shown_comes_back_as_it_was_set() -> None:
    body = drafts.whole(drafts.of(SHOWN))
    assert body == {
        "name": "One",
        "trigger": {"manual": {"segment": "fans"}},
        "channel": "email",
        "content": {
            "subject": "s",
            "body": "b",
            "missing": "skip",
            "variants": [{"name": "tag:a", "when": {"tag": "a"}, "subject": "t", "body": "c"}],
        },
        "time": {"local": "2027-01-01T08:00:00"},
        "quiet_hours": {"from": "22:00", "to": "08:00"},
        "transactional": False,
        "holdout": 0.1,
        "conversion": {"event": "Order Completed", "where": [{"property": "p", "eq": 1}], "within": "7d"},
        "tracking": True,
    }


def test_a_saved_list_stays_as_it_is() -> None:
    listed = {**SHOWN, "trigger": {"manual": {"segment": None, "list_length": 2}}}
    body = drafts.whole(drafts.of(listed))
    assert body["trigger"] == {"manual": {}}
    CampaignInput.model_validate(body)


def test_a_channel_has_its_own_texts() -> None:
    body = drafts.of(SHOWN)
    body["content"]["html"] = "<p>b</p>"
    body["channel"] = "sms"
    drafts.fit(body)
    texts = [body["content"], *body["content"]["variants"]]
    assert not any({"subject", "html", "link"} & set(one) for one in texts)


def test_what_cannot_be_together_is_not_sent_together() -> None:
    body = drafts.of(SHOWN)
    body["transactional"] = True
    body["trigger"] = {"event": "Signed Up"}
    body["conversion"]["event"] = ""
    assert not {"holdout", "quiet_hours", "time", "conversion"} & set(drafts.whole(body))


def test_a_pasted_list_is_taken_apart() -> None:
    assert drafts.refs_of(" user_id:a, 7\n7;email:b@example.com\n\n") == ["user_id:a", "7", "email:b@example.com"]
    assert drafts.key_of("Come back, 老朋友!").startswith("come-back-")
    assert drafts.key_of("老朋友").startswith("campaign-")


def test_a_conversion_is_filtered_by_what_campaigns_compare() -> None:
    """Rules know more comparisons than campaigns do; what is offered for a property of any type is taken."""
    assert get_args(Operator) == drafts.COMPARED
    edit = Editing(known=Known(), changed=lambda: None, redraw=lambda: None, operators=drafts.COMPARED)
    assert all(edit.fitting(kind) for kind in (*OF_TYPE, ""))
    assert {one for kind in (*OF_TYPE, "") for one in edit.fitting(kind)} == set(get_args(Operator))


def test_marketing_says_how_to_get_no_more_of_it() -> None:
    way = "Bye: {{ unsubscribe_url }}"
    body = {**drafts.of(SHOWN), "channel": "push"}
    assert not drafts.way_out(body)
    body["content"]["body"] = way
    assert not drafts.way_out(body), "its variant says nothing"
    body["content"]["variants"][0]["body"] = way
    assert drafts.way_out(body)
    body["content"]["body"] = "Hi"
    assert drafts.way_out({**body, "transactional": True})
    assert all(drafts.way_out({**body, "channel": one}) for one in ("inbox", "email", "sms"))


def test_it_is_known_before_what_will_be_counted() -> None:
    body = drafts.of(SHOWN)
    assert drafts.measured(body) == "opens_clicks"
    assert drafts.measured({**body, "tracking": False}) == "off"
    assert drafts.measured({**body, "channel": "sms"}) == "sms"
    assert drafts.measured({**body, "channel": "push"}) == "no_link"
    body["content"]["link"] = "https://example.com"
    assert drafts.measured({**body, "channel": "push"}) == "clicks"
