"""A dialog as plain data (RFC 3261 §12), who is in it, and the header fields that its requests carry."""
