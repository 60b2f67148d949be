"""Files from strangers: what they must satisfy before anything of them is unpacked, built or read."""
