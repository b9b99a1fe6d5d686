"""What a site costs: forecast before, ledger during, report after.

Invariant: every figure is a `Decimal` sum of ledger rows (or forecast lines) and equals it to the last digit; a saving
is always stated against its baseline: the same usage at the standard real-time price.
"""
