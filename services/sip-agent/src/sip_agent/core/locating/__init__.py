"""Locating SIP servers (RFC 3263): what to ask of DNS, and in which order to try what it answers."""
