"""Who is dead, who takes what it had, and what becomes of its calls."""
