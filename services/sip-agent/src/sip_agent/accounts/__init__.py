"""Accounts: one for each login that this agent owns; their registration, their messages, their page's socket."""
