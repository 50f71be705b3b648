"""The demos: each module of this package shows one thing and runs as ``python -m demos NAME``.

They are not installed with the library; they run from a checkout. What several demos share is in
`demos.shared`. A demo reads from top to bottom, has a ``main(argv)``, and ends by asserting its claim.
"""
