"""Sockets, and nothing of SIP: bytes with the flow they came from go up, bytes for a flow come down."""
