"""The numbers of each lesson, computed by tellapart and kept in `guide/facts`."""
