"""Accounts: one for each login, owned by lease; their registration, their messages, their move to another agent."""
