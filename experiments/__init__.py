"""The pose-estimation study of active learning: data, networks, strategies, metrics, training, and Table 3 at its end.

`python -m experiments table3` runs it; `config` says with which settings and why, `cycle` what a stage is, `report` and
`analytics` what came out. The parts are there to be imported one by one: `experiments.data.load` for pictures with
joints, `experiments.strategies.query` for what to label next, `experiments.metrics` for PCK and PCKh.

>>> from experiments.strategies import Pool, query
>>> import numpy as np
>>> query("predicted-loss", Pool(images=3, predicted=np.array([0.1, 0.9, 0.4])), 2, seed=0)
array([1, 2])
"""
