"""Call transfer (RFC 3515, 3891, 5589): each side of a REFER, and an INVITE that replaces a call."""
