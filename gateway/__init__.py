"""The one way in. Gateway owns keys and how far the streams' readers are.

It hears readers' positions (`report.positions`). It tells `events.received` (INTAKE), asks recommend for banners and
items, and streams every other call to the service that owns its path.
"""
