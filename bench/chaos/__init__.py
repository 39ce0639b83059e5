"""What a hundred calls notice when pods die, leave, or lose NATS: measured at their ends, told in a table."""
