"""The terminal: one module for each command, imported only when its command is given."""
