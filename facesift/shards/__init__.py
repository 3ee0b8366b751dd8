"""HDF5 shards: written, read and verified."""
