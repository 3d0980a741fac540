"""Profile owns who a viewer is: identities, traits and the timeline of what he did.

It hears `events.received` (INTAKE). It tells `events.recorded`, `profile.updated`, `identity.linked`, `profile.merged`
and `profile.split`. It answers `profile.contacts` and `profile.resolve`. Contact data (addresses, numbers, device
tokens) never leaves in a fact.
"""
