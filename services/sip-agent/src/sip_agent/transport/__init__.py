"""Sockets, and the stack joined to them: bytes with their flow go up, bytes for a flow come down."""
