"""Anchor Loss in classification: the study of its Tables 1, 3 and A-1, on CIFAR or on handwritten digits."""
