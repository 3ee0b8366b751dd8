"""All benches of `make bench`, by name: for each our way, and a real other way to the same result."""

from __future__ import annotations

from bench.data_ways import (
    building,
    ingest,
    loading,
    loading_litdata,
    loading_mapped,
    loading_webdataset,
    memory,
    near_duplicates,
    plans,
)
from bench.network_ways import cascade, damage, epoch, graph, int8, int8_vit, runtime, screening, single
from bench.pipeline_ways import nothing_to_do, rule_change, start
from bench.ways import BUNDLE, Bench

CARD = BUNDLE / "bundle.json"
SCREEN, EAGER = "facesift screen", "loop in eager torch"

BENCHES = {
    "building": Bench("shards against the decode floor", "shards", "decoding alone", building, 4000, 200),
    "loading": Bench("an epoch read", "shards", "ImageFolder, DataLoader", loading, 4000, 400),
    "webdataset": Bench("an epoch read", "shards", "WebDataset, tar of JPEGs", loading_webdataset, 4000, 400),
    "litdata": Bench("an epoch read", "shards", "LitData, decoded pixels", loading_litdata, 4000, 400),
    "mapped": Bench("an epoch read", "shards", "numpy memmap", loading_mapped, 16000, 1000),
    "plans": Bench("bytes after SMOTE", "plan", "imbalanced-learn", plans, 4000, 1000, unit="bytes"),
    "memory": Bench("peak of 4 times the images", "4 x images", "1 x images", memory, 4000, 300, unit="MiB"),
    "ingest": Bench("raw files examined", "ingest", "decoding alone", ingest, 4000, 200),
    "near_duplicates": Bench("close pairs", "faiss", "bits counted", near_duplicates, 9999, 3000),
    "damage": Bench("damaged images scored by 4 members", "damaged once", "once a member", damage, 500, 64),
    "graph": Bench("the graph after a change of rule", "kept", "traced", graph, 1, 1),
    "start": Bench("start of vote and operate", "their imports", "tables and schema alone", start, 5, 1),
    "epoch": Bench("a training epoch", "Lightning, plan, augmentation", "bare steps", epoch, 4000, 1000),
    "screening": Bench("files decided", SCREEN, EAGER, screening, 2000, 200, needs=CARD),
    "runtime": Bench("files decided", SCREEN, "ONNX Runtime on pixels", runtime, 2000, 200, needs=CARD),
    "single": Bench("files decided one at a time", "Committee.decide", EAGER, single, 1000, 100, needs=CARD),
    "cascade": Bench("files decided by majority", "--cascade", "all members asked", cascade, 2000, 200, needs=CARD),
    "int8": Bench("the committee's graph", "8 bits", "32 bits", int8, 3200, 320, needs=CARD),
    "int8_vit": Bench("ViT-S/16 at 224 pixels", "8 bits", "32 bits", int8_vit, 64, 32),
    "repro": Bench("`dvc repro` with nothing to do", "repro", "`dvc status`", nothing_to_do, 3, 1, needs=CARD),
    "rule": Bench("`dvc repro` after another rule", "graph kept", "graph traced", rule_change, 1, 1, needs=CARD),
}
