"""SIP messages as text: grammar, header fields, URIs, and the parsers of datagrams and streams (RFC 3261 §7, §25)."""
