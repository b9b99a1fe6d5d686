"""The tests mirror the tree. Hypothesis is set here because every test module imports this package first."""

from hypothesis import HealthCheck, settings

# On a busy machine with two cores, building hypothesis' own tables takes longer than its patience.
settings.register_profile("pressrun", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("pressrun")
