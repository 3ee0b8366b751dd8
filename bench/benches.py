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
    "building": Bench("shards against the decode floor", "shards", "decoding alone", building, 2000, 500),
    "loading": Bench("an epoch read", "shards", "ImageFolder, DataLoader", loading, 2000, 400),
    "webdataset": Bench("an epoch read", "shards", "WebDataset, tar of JPEGs", loading_webdataset, 2000, 400),
    "litdata": Bench("an epoch read", "shards", "LitData, decoded pixels", loading_litdata, 2000, 1000),
    "mapped": Bench("an epoch read", "shards", "numpy memmap", loading_mapped, 4000, 1000),
    "plans": Bench("bytes after SMOTE", "plan", "imbalanced-learn", plans, 4000, 1000, unit="bytes"),
    "memory": Bench("peak of 4 times the images", "4 x images", "1 x images", memory, 1000, 300, unit="MiB"),
    "ingest": Bench("raw files examined", "ingest", "decoding alone", ingest, 2000, 300),
    "near_duplicates": Bench("close pairs", "faiss", "bits counted", near_duplicates, 9999, 3000),
    "damage": Bench("damaged images scored by 4 members", "damaged once", "once a member", damage, 500, 100),
    "graph": Bench("the graph after a change of rule", "kept", "traced", graph, 1, 1),
    "start": Bench("start of vote and operate", "their imports", "tables and schema alone", start, 2, 1),
    "epoch": Bench("a training epoch", "Lightning, plan, augmentation", "bare steps", epoch, 2000, None),
    "screening": Bench("files decided", SCREEN, EAGER, screening, 1000, 200, needs=CARD),
    "runtime": Bench("files decided", SCREEN, "ONNX Runtime on pixels", runtime, 1000, 200, needs=CARD),
    "single": Bench("files decided one at a time", "Committee.decide", EAGER, single, 500, 100, needs=CARD),
    "cascade": Bench("majority of 8 ConvNeXts at 96 pixels", "cascade", "all members asked", cascade, 96, 64),
    "int8": Bench("the committee's graph", "8 bits", "32 bits", int8, 3200, 640, needs=CARD),
    "int8_vit": Bench("ViT-S/16 at 224 pixels", "8 bits", "32 bits", int8_vit, 64, None),
    "repro": Bench("`dvc repro` with nothing to do", "repro", "`dvc status`", nothing_to_do, 1, None, needs=CARD),
    "rule": Bench("`dvc repro` after another rule", "graph kept", "graph traced", rule_change, 1, None, needs=CARD),
}
