"""What every server of tellapart needs: sockets, an end to slow clients, bodies within limits, headers."""
