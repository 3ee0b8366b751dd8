import threading
import time

import pytest

from facesift.images.pixel_budget import PixelBudget


def test_large_images_wait_for_one_another_and_small_ones_do_not():
    budget, most, lock, held = PixelBudget(100), [], threading.Lock(), [0]

    def decode(pixels):
        with budget.hold(pixels):
            with lock:
                held[0] += pixels
                most.append(held[0])
            time.sleep(0.01)
            with lock:
                held[0] -= pixels

    threads = [threading.Thread(target=decode, args=(pixels,)) for pixels in [60] * 5 + [10] * 20]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(most) == 25
    assert max(most) <= 100
    assert max(most) > 60  # some were decoded at once


def test_an_image_larger_than_the_budget_is_decoded_alone():
    budget = PixelBudget(100)
    with budget.hold(1000):
        assert budget.held == 1000
    assert budget.held == 0


def test_an_error_gives_the_room_back():
    budget = PixelBudget(100)
    with pytest.raises(ZeroDivisionError), budget.hold(80):
        assert 1 / 0
    assert budget.held == 0
