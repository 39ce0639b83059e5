"""The built-in domain on this agent's socket: registrar, proxy, and who may use it."""
