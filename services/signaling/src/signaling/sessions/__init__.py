"""The sessions of pages in KV: their records, who holds one, and the end of those that nobody comes back to."""
