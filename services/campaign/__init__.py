"""Campaign owns campaigns, their contents, bus triggers and one row per message.

It hears segment.changed (causes `rule` and `time`), events.recorded (never history), triggers.<name>, and
profile.merged and profile.split, which its messages follow.
It tells message.planned, message.sent and message.failed. It asks profile for addresses at the moment of sending.
"""
