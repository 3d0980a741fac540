"""The console: what operators see. A process of its own that calls the gateway over HTTP, as any internal tool does.

A page (`pages`) is drawn inside the frame (`frame`) for whoever is signed in (`seat`, `desk`), from shared parts
(`parts`), with texts from the catalogues (`texts`) and figures from the API (`api`).
"""
