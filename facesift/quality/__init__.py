"""Quality of photos: what a face photo lacks, told from the detected faces and from statistics of the pixels."""
