"""Which agent owns which account and its calls: the lease, the records it fences, take-over, departure, spreading."""
