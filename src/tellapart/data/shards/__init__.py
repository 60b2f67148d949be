"""Shards: pictures in tar or parquet files that are read by parts, from a disk, a web server or an object store."""
