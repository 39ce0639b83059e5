"""What happens inside a dialog: offers and answers, changes by both sides, its timer, INFO (RFC 3264, 3311, 4028)."""
