"""The rules of the web protocol without I/O: frames, the session, its calls, limits."""
