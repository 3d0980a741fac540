"""The hot door: events, banners, recommendations and signed links, by write key, over NATS and never over HTTP hops."""
