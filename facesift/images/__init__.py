"""From the bytes of image files to upright sRGB pixels: decoding, archives, faces and crops."""
