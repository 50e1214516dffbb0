"""The executed witnesses of the ledger of claims (`python -m paper_tables.ledger`), one module a topic.

Each public function takes nothing and returns a `paper_tables.outcome.Outcome`: what is printed, evaluated literally
through `gammaprob.as_printed` or on the printed digits, and the corrected form, both held against an independent truth
(Arb enclosures, quadrature, exact rational arithmetic, SymPy proofs). A verdict is never stated here; the records in
paper_tables/claims state it, and the ledger compares.
"""
