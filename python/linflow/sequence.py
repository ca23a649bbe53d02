"""Learning one task after the other: forgetting, interference, reversal, transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _validate as validate
from linflow._cost import task_errors
from linflow._sequence import Plan
from linflow.task import Task, check_task

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.network import Network
    from linflow.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True, eq=False)
class LearnedSequence:
    """Tasks learned one after the other.

    Attributes
    ----------
    tasks : tuple of Task
        In the order in which they were learned.
    runs : tuple of Trajectory
        One for each task, each in its own time from 0, with ``.product``.
    times : ndarray, shape (point,)
        Time since the beginning of the sequence at every save point of every run. A
        point at infinity does not count for the tasks after it.
    learning : ndarray of int, shape (point,)
        Which task is being learned there.
    errors : ndarray, shape (point, task)
        Train error of the network on every task; NaN where the network does not have
        the task's outputs and inputs yet.
    error_matrix : ndarray, shape (stage, task)
        The same at the start (stage 0) and after each of the tasks.
    """

    tasks: tuple[Task, ...]
    runs: tuple[Trajectory, ...]
    times: Array
    learning: NDArray[np.int64]
    errors: Array
    error_matrix: Array

    @property
    def forgetting(self) -> Array:
        """Rise of each task's error from its own end to the last, shape (task,)."""
        own = np.arange(len(self.tasks))
        rise: Array = self.error_matrix[-1] - self.error_matrix[own + 1, own]
        return rise

    @property
    def interference(self) -> Array:
        """Rise of each task's error while another is learned, shape (learned, task).

        Negative where learning the one helps the other; the diagonal is minus what was
        learned. Forgetting is the sum of the rows after a task's own.
        """
        return np.diff(self.error_matrix, axis=0)

    @property
    def switch_times(self) -> Array:
        """When each task but the first begins, on the axis of `times`."""
        return np.array([_end(run.times) for run in self.runs[:-1]]).cumsum()

    @property
    def network(self) -> Network | None:
        """The network at the end, of dynamics that have one."""
        return self.runs[-1].network

    def to_xarray(self) -> xr.Dataset:
        """Return it as a data set with dimensions point, task, stage and learned."""
        import xarray as xr

        return xr.Dataset(
            {
                "errors": (("point", "task"), self.errors),
                "error_matrix": (("stage", "task"), self.error_matrix),
                "forgetting": (("task",), self.forgetting),
                "interference": (("learned", "task"), self.interference),
            },
            coords={
                "time": ("point", self.times),
                "learning": ("point", self.learning),
                "task": np.arange(len(self.tasks)),
                "stage": np.arange(len(self.tasks) + 1),
                "learned": np.arange(len(self.tasks)),
            },
            attrs={
                "dynamics": self.runs[0].dynamics,
                "switch_times": self.switch_times,
            },
        )


def learn_sequence(
    tasks: Sequence[Task],
    init: Any,
    *,
    dynamics: str = "closed_form",
    times: ArrayLike | Sequence[ArrayLike] | None = None,
    extend: float | None = None,
    rng: RngLike = None,
    **keywords: Any,
) -> LearnedSequence:
    """Learn tasks one after the other, each from where the one before ended.

    Continual learning, reversal (``[task, Task(-task.target)]``), transfer to a task
    with further outputs or inputs (`extend`) and fine-tuning from given weights
    (``init=Weights(...)`` or a trained network or run), in any dynamics.

    Parameters
    ----------
    tasks : sequence of Task
        In their order; of one shape unless `extend` is given.
    init : Gaussian, Balanced, Weights, Network or Trajectory
        The network that begins with the first task.
    dynamics : {"closed_form", "gradient_flow", "gradient_descent", "self_consistent", \
"balanced", "lazy"}
        The lazy one keeps the kernel of the very start throughout; of its runs the
        errors are observed alone.
    times : array_like, shape (time,), or a sequence of them
        Save points of each task, from 0 = its beginning; one for all, or one for each
        task. Not for gradient descent, which has `step_size` and `max_steps`. The last
        may be infinite in closed forms: learn to convergence.
    extend : float, optional
        Variance of the weights of new outputs and inputs when a task has more of them
        than the one before: `Network.extend`; 0 keeps an exact closed form exact. The
        earlier tasks are then the leading block of the later ones. Dynamics with a
        network only. Different dynamics keep different hidden units, so that for a
        variance > 0 the same `rng` gives each of them other new weights.
    rng : int, SeedSequence, Generator, BitGenerator or None
        Root of the streams of a random `init` and of new weights.
    **keywords
        Further keywords of the dynamics, the same for all tasks.

    Returns
    -------
    LearnedSequence
        ``.errors`` of every task at all times, ``.forgetting``, ``.interference``.

    Raises
    ------
    TypeError, ValueError
        When an argument is out of its range, or a task's shape does not follow on the
        one before, before any work starts.
    RunFailed, Interrupted
        As the dynamics; they carry what was done of the task at hand.

    Notes
    -----
    From a start without two levels each run is the Riccati closure from the state that
    the one before gave. Its errors go on into the next; so do the estimates in
    ``.error_bound`` of the runs, with the residual of the first start, which the
    network that the closure stands for keeps.

    What the balance level lam decides: the two-level condition survives every change of
    task (B is conserved whatever the target), so that the closed form stays exact from
    task to task. On the way from T to -T a mode s passes through 0, where
    ``ds/dt = 2 sqrt(s^2 + kappa^2) (-s* - s)``, ``kappa = |lam|/2``: for kappa > 0 it
    passes, in a time ``~ ln(s*/kappa) / s*``; for kappa = 0, the balanced network that
    has converged to T, it comes to rest at the saddle A = 0 and stays. (After a finite
    time t on T a balanced network whose start was not aligned keeps a trace
    ``e^(-2 s* t)`` of the other sign, and needs about that long to come back. In
    floating point, integrated flows leave the saddle by their rounding errors after
    about ``ln(1/eps)/s*``; the closed form counts those as zero and stays.)

    References
    ----------
    [DAP]; Braun et al. 2022, "Exact learning dynamics of deep linear networks with
    prior knowledge".

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> first = lf.Task(np.diag([3.0, 1.0]))
    >>> second = lf.Task(np.diag([3.0, -1.0]))
    >>> run = lf.learn_sequence(
    ...     [first, second], lf.Balanced(2, lam=0.1, size=0.01), rng=0,
    ...     times=np.append(np.linspace(0, 5, 11), np.inf),
    ... )
    >>> run.errors.shape, run.forgetting.round(9)
    ((24, 2), array([1., 0.]))
    >>> lf.sequence.expected_forgetting(first, second)
    1.0
    """
    checked = _check_tasks(tasks, extend)
    plan = Plan.check(dynamics, checked, times, extend, keywords)
    runs = plan.run(init, rng)
    errors = np.concatenate(
        [_errors(checked, run, index) for index, run in enumerate(runs)]
    )
    starts = np.cumsum([0.0] + [_end(run.times) for run in runs[:-1]])
    points = [len(run.times) for run in runs]
    ends = np.cumsum(points) - 1
    return LearnedSequence(
        tasks=checked,
        runs=runs,
        times=np.concatenate(
            [start + run.times for start, run in zip(starts, runs, strict=True)]
        ),
        learning=np.repeat(np.arange(len(runs)), points),
        errors=errors,
        error_matrix=errors[np.concatenate([[0], ends])],
    )


def task_similarity(first: Task, second: Task) -> float:
    """Return the cosine ``<T1, T2> / (|T1| |T2|)`` of two targets.

    1 for the same task, -1 for its reversal, 0 for orthogonal ones; of tasks of
    different sizes, on the outputs and inputs that they share.

    Raises
    ------
    TypeError, ValueError
        When one is no task or has no target, or a target is zero and has no direction.

    Examples
    --------
    >>> import linflow as lf
    >>> task = lf.Task([[3.0, 0.0], [4.0, 0.0]])
    >>> lf.sequence.task_similarity(task, lf.Task(-task.target))
    -1.0
    """
    for name, task in (("first", first), ("second", second)):
        check_task(name, task)
    d_out, d_in = np.minimum(first.shape, second.shape)
    T1, T2 = first.target[:d_out, :d_in], second.target[:d_out, :d_in]
    sizes = np.linalg.norm(T1) * np.linalg.norm(T2)
    if sizes == 0:
        message = "first and second must not be zero where they overlap"
        raise ValueError(message)
    return float(np.sum(T1 * T2) / sizes)


def expected_forgetting(
    first: Task, second: Task, *, width: float | None = None
) -> float:
    """Return how much of the first task is forgotten once the second is learned.

    After convergence the network is the best that its width allows, ``A = [T]_w``, the
    top w modes of the target (Eckart-Young). The error on the first task was
    ``|[T1]_w - T1|^2 / (d_out d_in)`` when it had been learned and is
    ``|[T2]_w - T1|^2 / (d_out d_in)`` now; the difference is what was forgotten. For a
    width of at least the ranks the first is 0, and
    ``|T2 - T1|^2 = |T1|^2 + |T2|^2 - 2 rho |T1| |T2|`` makes it a function of the
    similarity rho of the tasks (`task_similarity`) and their sizes alone: the path,
    lam and the learning rates do not enter.

    Parameters
    ----------
    first, second : Task
        Mean squared errors; the second may have further outputs and inputs.
    width : float, optional
        Hidden width; unlimited by default.

    Returns
    -------
    float
        In units of the train error.

    Raises
    ------
    TypeError, ValueError
        When one is no task or its cost not the plain mean squared error, or the
        width < 1.

    Notes
    -----
    Convergence to ``[T]_w`` is from a start that reaches it. The balanced start (lam =
    0) does not after a reversal; see `learn_sequence`.

    Examples
    --------
    >>> import numpy as np
    >>> import linflow as lf
    >>> first, second = lf.Task(np.diag([2.0, 1.0])), lf.Task(np.diag([0.0, 1.0]))
    >>> lf.sequence.expected_forgetting(first, second)
    1.0
    >>> lf.sequence.expected_forgetting(first, second, width=1)
    0.75
    """
    for name, task in (("first", first), ("second", second)):
        if not check_task(name, task).plain:
            message = f"{name} must have the plain mean squared error, not {task!r}"
            raise ValueError(message)
    _check_grows(first.shape, second.shape, "second")
    limit = np.inf if width is None else validate.real("width", width, at_least=1)
    d_out, d_in = first.shape
    after = _top_modes(second.target, limit)[:d_out, :d_in]
    before = _top_modes(first.target, limit)
    rise = np.sum((after - first.target) ** 2) - np.sum((before - first.target) ** 2)
    return float(rise / first.target.size)


def _top_modes(target: Array, width: float) -> Array:
    """Return the best approximation of rank `width`."""
    if width >= min(target.shape):
        return target
    U, s, Vt = np.linalg.svd(target, full_matrices=False)
    kept = int(width)
    top: Array = (U[:, :kept] * s[:kept]) @ Vt[:kept]
    return top


def _check_tasks(tasks: Any, extend: float | None) -> tuple[Task, ...]:
    """Return the tasks if each may follow on the one before."""
    if not isinstance(tasks, Sequence) or not all(isinstance(t, Task) for t in tasks):
        message = f"tasks must be a sequence of tasks, not {tasks!r}"
        raise TypeError(message)
    if not tasks:
        message = "tasks must hold at least one task"
        raise ValueError(message)
    for i, task in enumerate(tasks[1:], start=1):
        before = tasks[i - 1].shape
        if extend is None and task.shape != before:
            message = (
                f"tasks[{i}] must have the shape {before} of the one before, not "
                f"{task.shape}; extend=0.0 adds outputs and inputs"
            )
            raise ValueError(message)
        _check_grows(before, task.shape, f"tasks[{i}]")
    return tuple(tasks)


def _check_grows(before: tuple[int, int], after: tuple[int, int], name: str) -> None:
    """Refuse a task that has lost outputs or inputs."""
    if after[0] < before[0] or after[1] < before[1]:
        message = (
            f"{name} must have at least the outputs and inputs {before} of the one "
            f"before, not {after}"
        )
        raise ValueError(message)


def _errors(tasks: Sequence[Task], run: Trajectory, learned: int) -> Array:
    """Return the train error of every task along a run, shape (time, task)."""
    assert run.product is not None  # kept in every run of a sequence
    errors = np.full((len(run.times), len(tasks)), np.nan)
    d_out, d_in = run.product.shape[1:]
    for k, task in enumerate(tasks):
        rows, columns = task.shape
        if rows <= d_out and columns <= d_in:
            errors[:, k] = task_errors(task, run.product[:, :rows, :columns])
    if run.train_error is not None:  # by the run's own, more exact, residual
        errors[:, learned] = run.train_error
    return errors


def _end(times: Array) -> float:
    """Return the last finite time, 0 where there is none."""
    finite = times[np.isfinite(times)]
    return float(finite[-1]) if finite.size else 0.0
