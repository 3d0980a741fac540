"""Campaign owns campaigns, their contents, bus triggers, one row per message, and what each brought.

It hears segment.changed (causes `rule` and `time`), events.recorded (history counts as a conversion and triggers
nothing), triggers.<name>, and profile.merged and profile.split, which its messages follow.
It tells message.planned, message.sent, message.failed, message.opened and message.clicked. It asks profile for
addresses and segment for members, both at the moment they are needed, and answers where a tracked link leads.
"""
