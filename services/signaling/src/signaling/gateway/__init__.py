"""One page's socket and its session on the bus: what its core asks for is carried out, what comes of it is told."""
