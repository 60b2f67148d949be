"""Checks: what is wrong with labeled pictures, found before anything is trained on them."""
