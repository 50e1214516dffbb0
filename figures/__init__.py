"""The figures, one file each: a function that computes the arrays and one that only draws them.

This package holds no code yet; the name is reserved for it.
"""
