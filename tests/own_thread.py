"""A thread of its own for what starts an event loop: in that of the tests, a browser's may be running."""

from concurrent.futures import ThreadPoolExecutor


def in_own_thread(function, *arguments, **keywords):
    """Return what a function returns in another thread; its error is raised here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments, **keywords).result()
