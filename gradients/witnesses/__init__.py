"""The executed witnesses of the ledger for the anchor loss and the semi-supervised papers, one module a topic.

As in `gammaprob.witnesses`, each public function takes nothing and returns a `paper_tables.outcome.Outcome`, and the
verdict follows from what it evaluated. None of them needs PyTorch, so that the ledger runs on the core alone.
"""
