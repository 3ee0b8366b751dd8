"""Images, where they lie, what they show, which of them belong together, and the shards made from them."""
