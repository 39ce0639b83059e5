"""What an account may do: where it may send, how often it may call. Plain arithmetic, no I/O."""
