"""A call, either direction: INVITE until it is answered or refused, BYE, all of it as JSON (RFC 3261 §9, §13, §15)."""
