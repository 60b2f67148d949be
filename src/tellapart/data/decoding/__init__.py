"""The parts of decoding: header, limits, JPEG, levels of more than 8 bits, color profiles, upright pixels."""
