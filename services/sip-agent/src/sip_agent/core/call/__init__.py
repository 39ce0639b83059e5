"""A call as a user agent has it: dialogs, INVITE both ways, requests inside the dialog (RFC 3261 §12-§15)."""
