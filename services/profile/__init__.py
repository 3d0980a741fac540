"""Profile owns who a viewer is: identities, traits, tags and the timeline of what he did.

It hears `events.received` (INTAKE), `item.updated`, and `segment.defined` and `segment.changed` for tags by rule. It
tells `events.recorded`, `profile.updated`, `identity.linked`, `profile.merged` and `profile.split`. It answers
`profile.contacts` and `profile.resolve`. Contact data (addresses, numbers, device tokens) never leaves in a fact.
"""
