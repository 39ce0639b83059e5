"""Serving a domain: registrar and proxy (RFC 3261 §10.3, §16)."""
