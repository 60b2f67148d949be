"""Old Keras: what Keras 1 and 2 called things, and what Keras 3 calls them.

`names.py`, `arguments.py` and `methods.py` are the tables. `tellapart.fit` answers a removed argument from them, and
`rewrite.py` turns an old script into today's form by them. A script is only read, never run.
"""
