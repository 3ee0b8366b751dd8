"""HDF5 shards of images: building, reading and verification."""
