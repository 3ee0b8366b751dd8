"""Spreading work: order, laziness, bounds and errors, on this machine's processes."""

import os
import sys

import pytest

from facesift.core import parallel
from facesift.core.errors import FacesiftError
from facesift.core.parallel import ONE_PROCESS, WINDOW, Workers, environment_fingerprint, parallel_map

TWO = Workers(backend="processes", jobs=2, address=None)


def process_of(_):
    return os.getpid()


def fail_on_three(number):
    if number == 3:
        raise FacesiftError("three is bad")
    return number


def counted(items, taken):
    for item in items:
        taken.append(item)
        yield item


@pytest.mark.parametrize("spec", [ONE_PROCESS, TWO], ids=["one", "two"])
@pytest.mark.parametrize("items", [0, 1, 2, 5 * WINDOW])
def test_results_come_in_the_order_of_the_items(spec, items):
    assert list(parallel_map(abs, range(0, -items, -1), spec)) == list(range(items))


@pytest.mark.parametrize("spec", [ONE_PROCESS, TWO], ids=["one", "two"])
def test_mistake_of_a_worker_comes_out_as_it_is(spec):
    with pytest.raises(FacesiftError, match="three is bad"):
        list(parallel_map(fail_on_three, range(9), spec))


def test_results_before_a_mistake_are_given():
    given = []
    with pytest.raises(FacesiftError):
        given.extend(parallel_map(fail_on_three, range(9), ONE_PROCESS))
    assert given == [0, 1, 2]


def test_two_processes_work_on_many_items():
    assert os.getpid() not in set(parallel_map(process_of, range(8), TWO))


def test_single_item_starts_no_process():
    assert list(parallel_map(process_of, [0], TWO)) == [os.getpid()]


def test_items_are_taken_a_window_at_a_time():
    taken = []
    results = parallel_map(abs, counted(range(10_000), taken), TWO)
    next(results)
    assert 2 * WINDOW <= len(taken) <= 3 * WINDOW * TWO.jobs


def test_nothing_is_taken_before_a_result_is_asked_for():
    taken = []
    parallel_map(abs, counted(range(9), taken), TWO)
    assert taken == []


def test_results_left_behind_stop_the_work():
    results = parallel_map(abs, range(10_000), TWO)
    next(results)
    results.close()
    assert list(parallel_map(abs, [-1, -2], TWO)) == [1, 2]


@pytest.mark.parametrize(("backend", "module"), [("ray", "ray"), ("dask", "distributed")])
def test_missing_package_is_named_with_its_extra(monkeypatch, backend, module):
    monkeypatch.setitem(sys.modules, module, None)
    spec = Workers(backend=backend, jobs=2, address=None)
    with pytest.raises(FacesiftError, match=rf"parallel\.backend: {backend} is not installed .*'\.\[{backend}\]'"):
        list(parallel_map(abs, range(3), spec))


@pytest.mark.parametrize("address", ["cluster", "cluster:port", ":1"])
def test_address_without_host_or_port_is_refused(address):
    spec = Workers(backend="ray", jobs=-1, address=address)
    with pytest.raises(FacesiftError, match=r"parallel\.address: .* is not HOST:PORT"):
        list(parallel_map(abs, range(3), spec))


@pytest.mark.parametrize("backend", ["ray", "dask"])
def test_address_where_nobody_listens_is_named(backend):
    spec = Workers(backend=backend, jobs=-1, address="127.0.0.1:9")
    with pytest.raises(FacesiftError, match=rf"no {backend} cluster answers at '127\.0\.0\.1:9'"):
        list(parallel_map(abs, range(3), spec))


def test_worker_that_does_not_see_a_folder_is_named(tmp_path):
    work = parallel._Remote(abs, (tmp_path, tmp_path / "elsewhere"), environment_fingerprint())
    with pytest.raises(FacesiftError, match=r"worker .* does not see .*elsewhere: .* same path on every machine"):
        work(-1)


def test_worker_with_other_code_is_named(tmp_path):
    with pytest.raises(FacesiftError, match=r"worker .* runs other code"):
        parallel._Remote(abs, (tmp_path,), "another")(-1)


def test_worker_that_may_work_works(tmp_path):
    assert parallel._Remote(abs, (tmp_path,), environment_fingerprint())(-1) == 1
