"""Every kind of file x kinds of damage x every stage and command that reads it: used as it was, or named."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from facesift.core.checksum_file import checksum_file
from tests.faults.study import remove
from tests.faults.tally import SMALL


def flipped(place):
    def damage(data, _):
        changed = bytearray(data)
        at = min(int(place * len(data)), len(data) - 1)
        changed[at] ^= 1 << at % 8
        return bytes(changed)

    return damage


def zero_page(data, _):
    start = len(data) // 3
    return data[:start] + bytes(min(4096, len(data) - start)) + data[start + 4096 :]


DAMAGES = {
    "bit flipped at the beginning": flipped(0.02),
    "bit flipped in the middle": flipped(0.5),
    "bit flipped at two thirds": flipped(0.67),
    "bit flipped near the end": flipped(0.97),
    "cut to half": lambda data, _: data[: len(data) // 2],
    "last byte lost": lambda data, _: data[:-1],
    "empty": lambda *_: b"",
    "a page of zeros": zero_page,
    "a page of zeros at the end": lambda data, _: data[: -len(data) // 4] + bytes(len(data) // 4),
    "bytes added": lambda data, _: data + b"\n\0more",
    "halves exchanged": lambda data, _: data[len(data) // 2 :] + data[: len(data) // 2],
    "noise": lambda data, _: np.random.default_rng(len(data)).bytes(len(data)),
    "another file's content": lambda _, other: other,
    "not there": None,
}
# No checksum of their own: DVC's is compared when DVC runs the stage.
PLAIN = (".json", ".csv")


def files_in(path):
    """The files to damage of a dependency; of a folder one of each kind."""
    if path.is_file():
        return [path]
    kinds = {}
    for each in sorted(path.rglob("*")):
        if each.is_file():
            kinds.setdefault(each.suffix, each)
    return list(kinds.values())


def other_of(path):
    """Another file of the same kind, as long as there is one; a valid file in the wrong place."""
    beside = [each for each in sorted(path.parent.glob(f"*{path.suffix}")) if each != path and each.is_file()]
    return beside[0].read_bytes() if beside else b"{}\n"


def apply(path, damage):
    change = DAMAGES[damage]
    if change is None:
        remove(path)
        return
    changed = change(path.read_bytes(), other_of(path))
    path.chmod(0o644)
    path.write_bytes(changed)


def drawn(cases, number, seed=5):
    """All cases, or of the small size so many of them."""
    if not SMALL:
        return cases
    kept = np.random.default_rng(seed).permutation(len(cases))[:number]
    return [cases[place] for place in sorted(kept)]


def stage_cases(whole):
    return [
        (stage, file.relative_to(whole.folder), damage)
        for stage in whole.stages.values()
        for path in stage.deps
        if not path.startswith(("data/raw", "data/reviews"))
        for file in files_in(whole.folder / path)
        for damage in DAMAGES
    ]


def test_no_stage_uses_a_damaged_input(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "a stage's input damaged"
    for stage, file, damage in drawn(stage_cases(whole), 36):
        before = (copy / file).read_bytes()
        apply(copy / file, damage)
        if (copy / file).is_file() and (copy / file).read_bytes() == before:
            continue
        by_dvc = file.suffix in PLAIN or damage == "another file's content"
        done = server.run(copy, stage) if by_dvc else run_by_hand(server, copy, stage)
        wrong = done.code == 0 and whole.differs(copy, stage)
        names = (file.name, str(file.parent), file.stem)
        tally.add(kind, done.verdict(same=not wrong, names=names), f"{stage.name}, {file}: {damage}", done.said)
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        (copy / file).write_bytes(before)
        if wrong or done.code:
            whole.restore(copy, stage.outs)
    tally.check(kind)


def run_by_hand(server, copy, stage):
    """Run a stage without DVC, so that only the checksums within the files can tell."""
    for path in stage.outs:
        remove(copy / path)
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
    return server.ask(copy, stage.module, stage.arguments)


def test_damaged_archives_of_images_are_named_or_their_images_put_aside(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "an archive of raw images damaged"
    stage, archive = whole.stages["ingest"], Path("data/raw/tiny/faces.zip")
    good = (copy / archive).read_bytes()
    for damage in drawn([each for each in DAMAGES if each != "another file's content"], 4):
        apply(copy / archive, damage)
        done = server.run(copy, stage)
        wrong = done.code == 0 and whole.differs(copy, stage)
        verdict = done.verdict(same=not wrong)
        if verdict == "silent" and "faces.zip" in (copy / "data/quarantine.csv").read_text():
            verdict = "refused"  # image by image, with the reason
        tally.add(kind, verdict, damage, done.said)
        (copy / archive).write_bytes(good)
    tally.check(kind)


COMMANDS = {
    "screen": ("screen", "data/raw/tiny/faces.zip", "--no-time", "--output", "out.csv"),
    "drift": ("drift", "decided.parquet", "--json"),
    "explain": ("explain", "IMAGE", "--decisions", "decided.parquet"),
    "verify": ("verify", "models/committee"),
}


def test_no_command_uses_a_damaged_bundle(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "a bundle damaged"
    commands = decided(server, copy)
    expected = answers(server, copy, commands)
    files = [path.relative_to(copy) for path in sorted((copy / "models/committee").rglob("*")) if path.is_file()]
    cases = [(name, file, damage) for name in commands for file in files for damage in DAMAGES]
    for name, file, damage in drawn(cases, 24):
        before = (copy / file).read_bytes()
        apply(copy / file, damage)
        done, said = answer(server, copy, commands[name])
        same = said == expected[name]
        tally.add(kind, done.verdict(same=same, names=(file.name,)), f"{name}, {file}: {damage}", done.said)
        (copy / file).write_bytes(before)
    tally.check(kind)


READERS = {
    "drift": ("drift", "TABLE", "--json"),
    "explain": ("explain", "IMAGE", "--decisions", "TABLE"),
    "verify": ("verify", "TABLE"),
    "screen --resume": ("screen", "data/raw/tiny/faces.zip", "--no-time", "--output", "TABLE", "--resume"),
}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_no_command_uses_a_damaged_table_of_decisions(whole, server, tally, tmp_path, suffix):
    copy, kind = whole.copy(tmp_path / "project"), "a table of decisions damaged"
    table = copy / f"table.{suffix}"
    words = {"TABLE": table.name, "IMAGE": decided(server, copy)["explain"][1]}
    done = server.ask(copy, "tests.faults.commands:facesift", (*COMMANDS["screen"][:-1], table.name))
    assert done.code == 0, done.said
    commands = {name: tuple(words.get(part, part) for part in each) for name, each in READERS.items()}
    expected, before = answers(server, copy, commands), table.read_bytes()
    beside = checksum_file(table)
    checksum = beside.read_bytes() if beside.is_file() else None
    for name, damage in drawn([(name, damage) for name in commands for damage in DAMAGES], 6):
        apply(table, damage)
        done, said = answer(server, copy, commands[name])
        same = table.is_file() and table.read_bytes() == before if "resume" in name else said == expected[name]
        tally.add(kind, done.verdict(same=same, names=(table.name,)), f"{name} of {suffix}: {damage}", done.said)
        table.write_bytes(before)
        if checksum:
            beside.write_bytes(checksum)
    tally.check(kind)


def decided(server, copy):
    screen = (*COMMANDS["screen"][:-1], "decided.parquet")
    done = server.ask(copy, "tests.faults.commands:facesift", screen)
    assert done.code == 0, done.said
    done = server.ask(copy, "tests.faults.commands:first_id", ("decided.parquet",))
    found = done.said.strip()
    return {name: tuple(found if part == "IMAGE" else part for part in each) for name, each in COMMANDS.items()}


def answers(server, copy, commands):
    """What the commands say, or write, of what is not damaged."""
    expected = {}
    for name, command in commands.items():
        done, expected[name] = answer(server, copy, command)
        assert done.code in {0, 3}, done.said  # 3: drift says that the images are others
    return expected


def answer(server, copy, command):
    remove(copy / "out.csv")
    done = server.ask(copy, "tests.faults.commands:facesift", command)
    return done, (copy / "out.csv").read_bytes() if (copy / "out.csv").is_file() else done.said


def test_no_damaged_answer_is_used(server, tally, tmp_path):
    kind, room = "a reviewer's answers damaged", tmp_path / "reviews"
    done = server.ask(tmp_path, "tests.faults.commands:plant_answers", (str(room),))
    assert done.code == 0, done.said
    path, read = room / "anna.csv", ("tests.faults.commands:read_answers", (str(room),))
    expected, good = server.ask(tmp_path, *read), path.read_bytes()
    lines = good.splitlines(keepends=True)
    rng = np.random.default_rng(3)
    damaged = {
        f"bit {place}": flipped(place / (8 * len(good)))(good, b"")
        for place in rng.choice(8 * len(good), 40 if SMALL else 400, replace=False)
    }
    damaged |= {name: change(good, b"a,b\n1,2\n") for name, change in DAMAGES.items() if change}
    damaged["a line of another reviewer"] = good + lines[1].replace(b"anna", b"otto")
    for name, data in damaged.items():
        path.write_bytes(data)
        done = server.ask(tmp_path, *read)
        same, told = done.said == expected.said, "left out" in done.said or "whole line" in done.said
        verdict = "refused" if done.code == 0 and told and not same else done.verdict(same=same, names=("anna.csv",))
        if name == "empty" and verdict == "silent":
            continue  # a file without an answer is none; `git diff` shows what was lost
        tally.add(kind, verdict, name, done.said)
    tally.check(kind)


def test_no_damaged_parameters_are_used(whole, server, tally, tmp_path):
    copy, kind = whole.copy(tmp_path / "project"), "params.yaml damaged"
    good = (copy / "params.yaml").read_bytes()
    texts = {name: change(good, b"a: 1\n") for name, change in DAMAGES.items() if change and "flipped" not in name}
    texts |= {
        "key twice": good + b"\nseed: 5\n", "deep": good + b"more: " + b"[" * 3000, "not UTF-8": good + b"more: \xff\n",
        "bomb": good + b"b: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + b"".join(b"c%d: &%c [%s]\n" % (n, 98 + n, b",".join([b"*%c" % (97 + n)] * 10)) for n in range(9)),
        "code": good + b"more: !!python/object/apply:os.system ['touch ran']\n",
    }  # fmt: skip
    for stage, name in drawn([(whole.stages[stage], name) for stage in ("ingest", "vote") for name in texts], 8):
        (copy / "params.yaml").write_bytes(texts[name])
        done = server.run(copy, stage)
        wrong = done.code == 0 and whole.differs(copy, stage)
        tally.add(kind, done.verdict(same=not wrong, names=("params.yaml",)), f"{stage.name}: {name}", done.said)
        assert not (copy / "ran").exists()
        whole.restore(copy, stage.outs)
    tally.check(kind)
    shutil.rmtree(copy)
