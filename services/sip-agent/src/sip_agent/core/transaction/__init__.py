"""The four transactions and the layer that keeps them (RFC 3261 §17, RFC 6026)."""
