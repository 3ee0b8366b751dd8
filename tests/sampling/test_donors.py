import numpy as np
import pytest

from facesift.sampling.donors import FaceFeatures, choose_donors, mean_tone, read_face_features
from facesift.sampling.regions import landmark_template

MANY = 60


def faces(count=MANY, sources=2, seed=0):
    rng = np.random.default_rng(seed)
    points = landmark_template(64) + rng.normal(0, 3, (count, 5, 2)).astype(np.float32)
    return FaceFeatures(points, rng.uniform(0, 255, (count, 3)).astype(np.float32), np.arange(count) % sources)


def donors(found, targets=None, candidates=16, seed=1):
    rows = np.arange(len(found.source)) if targets is None else np.asarray(targets)
    return choose_donors(found, rows, candidates, np.random.default_rng(seed))


@pytest.mark.parametrize("candidates", [1, 16])
def test_nobody_is_their_own_donor(candidates):
    assert all((donors(faces(), None, candidates, seed) != np.arange(MANY)).all() for seed in range(20))


def test_every_other_face_of_the_source_can_be_the_donor():
    assert set(donors(faces(6), [2] * 200, 1).tolist()) == {0, 4}


def test_donors_are_of_the_targets_source():
    assert (donors(faces()) % 2 == np.arange(MANY) % 2).all()


def test_a_face_alone_in_its_source_gets_another_one():
    found = faces(4)
    found.source[:] = [0, 1, 1, 1]
    assert set(donors(found, [0] * 50, 1).tolist()) == {1, 2, 3}


def test_the_closest_pose_is_taken():
    found = faces(3, sources=1)
    found.tone[:] = 100
    turned = (found.landmarks[0] - 32) @ np.float32([[0.8, 0.6], [-0.6, 0.8]]) * 1.3  # the same pose, turned and larger
    found.landmarks[2] = turned + 30
    found.landmarks[2, 2] += 2
    found.landmarks[1, 2] += 25
    assert set(donors(found, [0] * 20).tolist()) == {2}


def test_the_closest_tone_is_taken():
    found = faces(3, sources=1)
    found.landmarks[:] = found.landmarks[0]
    found.tone[:] = [[100] * 3, [200] * 3, [110] * 3]
    assert set(donors(found, [0] * 20).tolist()) == {2}


def test_what_may_be_the_same_photo_is_left_out():
    found = faces(3, sources=1)
    found.landmarks[1], found.tone[1] = found.landmarks[0], found.tone[0] + 1
    assert set(donors(found, [0] * 20).tolist()) == {2}


def test_the_same_photo_is_taken_where_there_is_no_other():
    found = faces(2, sources=1)
    found.landmarks[1], found.tone[1] = found.landmarks[0], found.tone[0]
    assert donors(found).tolist() == [1, 0]


def test_tone_is_that_of_the_middle_of_the_face():
    image = np.full((64, 64, 3), 9, np.uint8)
    image[30:50, 24:40] = [200, 100, 50]
    assert mean_tone(image, landmark_template(64)).tolist() == [200, 100, 50]


def test_faces_are_those_of_the_class_in_order(make_shards):
    shards = make_shards([(9, 3), (8, 4)], size=24)
    found = read_face_features(shards, [0, 1], 0)
    pixels = np.concatenate([shards.pixels(shard)[shards.labels(shard) == 0] for shard in (0, 1)])
    assert np.allclose(found.tone, [mean_tone(image, landmark_template(24)) for image in pixels])
    assert (found.landmarks.shape, found.source.tolist()) == ((17, 5, 2), [0] * 17)
