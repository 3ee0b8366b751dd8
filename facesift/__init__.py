"""facesift: find the few photoshopped faces among very many real ones.

The library knows nothing of DVC; `stages/` connects it to the pipeline in `dvc.yaml`. Data passes through its
wings in one direction: `data` -> `sampling` -> `training` -> `committee`.
"""
