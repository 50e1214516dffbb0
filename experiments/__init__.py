"""The active-learning experiments: data, models, strategies, metrics, training and the cycle around them.

This package holds no code yet; the name is reserved for it.
"""
