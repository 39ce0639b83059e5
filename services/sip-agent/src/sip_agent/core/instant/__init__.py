"""Instant messages in pager mode (RFC 3428): what one says, and sending one until it is answered."""
