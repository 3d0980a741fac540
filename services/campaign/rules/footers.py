"""What a message gets that its template does not have: a way out, and HTML in which its reading can be counted."""

from __future__ import annotations

import html as entities
import re
from dataclasses import replace

from services.campaign.rules import tracking
from services.campaign.rules.letters import Text

_HAN = re.compile(r"[\u3400-\u9fff]")
_KANA_OR_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")

_WORDS = {"zh": ("退订", "不想再收到此类消息？"), "en": ("Unsubscribe", "You do not want these messages any more?")}


def language(text: Text) -> str:
    """`zh` for a message in Chinese, else `en`: the language of what the viewer reads, not of the installation."""
    said = f"{text.subject or ''} {text.body}"
    return "zh" if _HAN.search(said) and not _KANA_OR_HANGUL.search(said) else "en"


def with_way_out(text: Text, url: str, channel: str) -> Text:
    """An e-mail or SMS that shows the viewer how to get no more of them, in each of its parts; others as they are."""
    word, sentence = _WORDS[language(text)]
    if channel == "sms" and url not in text.body:
        return replace(text, body=f"{text.body.rstrip()}\n{word}: {url}")
    if channel != "email":
        return text
    body, html = text.body, text.html
    if url not in body:
        body = f"{body.rstrip()}\n\n-- \n{sentence} {word}: {url}\n"
    if html is not None and entities.escape(url) not in html:
        link = f'<a href="{entities.escape(url)}">{word}</a>'
        html = tracking.at_the_end(html, f'<p style="font-size:12px;color:#666">{sentence} {link}</p>')
    return replace(text, body=body, html=html)


def with_html(text: Text) -> Text:
    """A plain e-mail with HTML that looks like it: only there can its opening be seen and its links have words.

    Mail servers take the two parts for what they are, one text in two forms (multipart/alternative, RFC 2046, 5.1.4).
    """
    if text.html is not None:
        return text
    paragraphs = re.split(r"\n\s*\n", text.body.replace("\r\n", "\n").strip("\n"))
    shown = "".join(f"<p>{_linked(one)}</p>" for one in paragraphs)
    return replace(text, html=f'<div style="font-family:sans-serif;line-height:1.5">{shown}</div>')


def _linked(paragraph: str) -> str:
    """One paragraph as HTML: escaped, its lines kept, its addresses as links."""
    pieces: list[str] = []
    end = 0
    for start, stop in tracking.spans(paragraph):
        url = entities.escape(paragraph[start:stop])
        pieces += [entities.escape(paragraph[end:start]), f'<a href="{url}">{url}</a>']
        end = stop
    pieces.append(entities.escape(paragraph[end:]))
    return "".join(pieces).replace("\n", "<br>")
