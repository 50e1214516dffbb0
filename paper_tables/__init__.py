"""What the papers say, as data: printed digits (`published`), our own results (`measured`), and the ledger of claims.

Nothing here computes mathematics, and nothing here imports the packages that do: `gammaprob` and the folders above it
read this one, never the other way round.
"""
