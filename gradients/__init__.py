"""The gradients of Learning Loss, LearningLoss++, Anchor Loss and their kin: closed forms in NumPy.

>>> from gradients import closed_form
>>> print(closed_form.kl_coefficient(0.0, 0.45, 2.87).round(4))    # q_i − p_i of two equal predictions
0.3645
"""
