"""Segment owns the groups of viewers that are always true: their rules, their members, and the instant each may change.

Who is in stands in bitmaps, with a log of who came and went; static lists are kept by hand and by file.

It hears `events.recorded` and `profile.updated`, and keeps its own copy of both to judge by; after `profile.merged` and
`profile.split` events follow their ids, and both sides are judged again. It tells `segment.defined`
when an operator writes a rule, and `segment.changed` when viewers enter or leave, with the cause.
"""
