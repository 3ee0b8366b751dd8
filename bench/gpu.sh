#!/usr/bin/env bash
# The published committee at full size, and a tuned backbone, on one GPU in less than ten minutes: bench/gpu.sh OUT
# Needs torch, timm and pytorch-lightning, no network and no DVC; and a packed folder, which a machine with the whole
# environment makes:   python -m bench.pack_faces --rff ZIP --celeba ZIP
# Options after OUT are those of bench/gpu.py (--packed DIR, --seconds N, --backbone NAME, --weights FILE).
set -euo pipefail
if [ $# -lt 1 ]; then
  sed -n '2,5s/^# //p' "$0" >&2
  exit 2
fi
out=$1
shift
mkdir -p "$out"
export PYTHONPATH="$(cd "$(dirname "$0")/.." && pwd)" PYTHONUNBUFFERED=1
# Should it hang, what is finished so far stands in results.json.
timeout 595 "${PYTHON:-python3}" -m bench.gpu "$out" "$@" 2>&1 | tee "$out/log.txt"
