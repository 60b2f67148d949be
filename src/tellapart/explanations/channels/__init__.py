"""Channels: what each channel of a layer responds to."""
