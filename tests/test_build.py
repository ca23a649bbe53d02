"""The compiled core as a whole: variants, loader, forks, imports, missing extras."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import linflow as lf
from linflow import _core
from linflow._core import _cpu

SUPPORTED = [name for name in _core.VARIANTS if _cpu.supported(name)]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | environment,
    )


@pytest.mark.parametrize("variant", SUPPORTED)
def test_every_variant_gives_the_same_run_to_rounding(variant: str) -> None:
    code = """
        import linflow as lf
        task = lf.low_rank_task((13, 9), 2, rng=0)
        run = lf.gradient_descent(
            task, lf.Gaussian(1e6, 1e-6), step_size=0.01, max_steps=50, rng=0)
        print(lf.build_info()["instruction_set"], repr(float(run.train_error[-1])))
    """
    done = python(code, LINFLOW_INSTRUCTION_SET=variant)
    assert done.returncode == 0, done.stderr
    name, error = done.stdout.split()
    assert name == variant
    task = lf.low_rank_task((13, 9), 2, rng=0)
    run = lf.gradient_descent(
        task, lf.Gaussian(1e6, 1e-6), step_size=0.01, max_steps=50, rng=0
    )
    assert run.train_error is not None
    assert float(error) == pytest.approx(run.train_error[-1], rel=1e-12)


def test_an_unknown_variant_is_refused() -> None:
    done = python("import linflow", LINFLOW_INSTRUCTION_SET="v9")
    assert "LINFLOW_INSTRUCTION_SET='v9': must be one of" in done.stderr


def test_the_best_variant_is_chosen() -> None:
    done = python(
        "import linflow; print(linflow.build_info()['instruction_set'])",
        LINFLOW_INSTRUCTION_SET="",
    )
    assert done.stdout.strip() == SUPPORTED[-1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_forking_after_use_does_not_hang() -> None:
    code = """
        import os, warnings
        import numpy as np
        import linflow as lf
        warnings.simplefilter("ignore", DeprecationWarning)
        words = dict(d=16, rank=1, gamma_sigma2=[-2, -1], gamma_w=[1, 2],
                     progress=False, n_threads=2)
        before = lf.phase_diagram(**words)
        child = os.fork()
        if child == 0:
            after = lf.phase_diagram(**words)
            os._exit(0 if after.min_test_error.equals(before.min_test_error) else 3)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert lf.phase_diagram(**words).min_test_error.equals(before.min_test_error)
    """
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_threads_respect_the_environment() -> None:
    code = "import linflow; print(linflow.build_info()['threads'])"
    if lf.build_info()["openmp"] is None:
        assert python(code).stdout.strip() == "1"
    else:
        assert python(code, OMP_NUM_THREADS="3").stdout.strip() == "3"


def test_threadpoolctl_is_respected() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    if lf.build_info()["openmp"] is None:
        pytest.skip("built without OpenMP: one thread always")
    with threadpoolctl.threadpool_limits(1, user_api="openmp"):
        assert lf.build_info()["threads"] == 1


def test_import_is_light() -> None:
    done = python(
        """
        import sys, linflow
        heavy = {"xarray", "matplotlib", "zarr", "tqdm", "scipy"} & set(sys.modules)
        assert not heavy, heavy
        """
    )
    assert done.returncode == 0, done.stderr


def test_netcdf_without_its_package_says_what_to_install() -> None:
    done = python(
        """
        import sys
        sys.modules["h5netcdf"] = None
        from linflow.cli import main
        raise SystemExit(main(["phase-diagram", "--data", "netcdf"]))
        """
    )
    assert done.returncode == 2
    assert "pip install 'linflow[netcdf]'" in done.stderr


def test_the_core_refuses_shapes_that_do_not_fit() -> None:
    from linflow._core import descent, network, stop

    rules = stop.StopRules(max_steps=1)
    with pytest.raises(ValueError, match="does not fit"):
        descent.run(
            np.ones((3, 2), order="F"),
            np.ones((4, 2), order="F"),
            np.ones((3, 3), order="F"),
            None,
            step_size=0.1,
            learning_rates=(1, 1),
            scale=1,
            stop=rules,
            save_every=1,
            top=1,
            save_product=False,
            progress=None,
        )
    with pytest.raises(ValueError, match="share the hidden width"):
        network.compress(np.ones((3, 2), order="F"), np.ones((2, 4), order="F"))
