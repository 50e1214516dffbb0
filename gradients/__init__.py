"""The gradients of Learning Loss and LearningLoss++: losses and pairs in PyTorch, beside their closed forms in NumPy.

This package holds no code yet; the name is reserved for it.
"""
