"""Keeping an account registered (RFC 3261 §10.2)."""
