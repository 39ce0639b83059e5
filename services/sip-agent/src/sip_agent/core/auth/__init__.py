"""Digest authentication, both ends (RFC 8760, RFC 7616)."""
