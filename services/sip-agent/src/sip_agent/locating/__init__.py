"""Where requests go: look-ups as RFC 3263 has them, and the policy that judges each place found."""
