"""Trajectories: what a run leaves behind."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _trajectory_file as trajectory_file
from linflow._curves import crossing_times
from linflow._spectral import FIELDS
from linflow.deep import DeepNetwork, with_layers
from linflow.network import Closure, Law, Network
from linflow.status import Interrupted, RunFailed, Status

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    import xarray as xr
    from numpy.typing import NDArray

    from linflow._core import Array


@dataclass(kw_only=True, eq=False)
class Trajectory:
    """One run at its save points.

    Attributes
    ----------
    dynamics : str
        Which dynamics, in words ("gradient descent", "self-consistent", …).
    times : ndarray, shape (time,)
        ``step_size * step`` for stepped dynamics.
    train_error, test_error : ndarray, shape (time,)
        ``|A - T|^2 / (d_out d_in)`` and ``|A - A*|^2 / (d_out d_in)``; None where not
        observed or, for the test error, where the truth is not known.
    singular_values : ndarray, shape (time, mode), or None
        Of the network's output map, descending; with ``track="modes"`` by mode, in
        the order of their sizes at the end.
    converged : ndarray of bool, shape (time,), or None
        Whether the singular values are right to max(1e-8 s_i, 1e-13 s_1).
    mode_overlap, mode_cluster : ndarray, shape (time, mode), or None
        With ``track="modes"``: how certain a mode's identity is, and which modes could
        not be told apart (see `linflow.spectrum.follow`).
    alignment, alignment_left, alignment_right : ndarray, shape (time, mode), or None
        ``|u_i^T u*_j|`` (left), ``|v_i^T v*_j|`` (right) and their product, with the
        target's mode j = ``target_mode[i]``: i itself by order, the nearest at the end
        by mode.
    target_mode : ndarray of int, shape (mode,), or None
        See above.
    active_modes, rank, stable_rank, effective_rank, nuclear_norm, operator_norm : \
ndarray, shape (time,), or None
        What was observed of `gradient_descent`'s list; see `linflow.spectrum`.
    product : ndarray, shape (time, d_out, d_in), or None
        The output map at save points, with ``save_product=True``.
    input_gram, output_gram : ndarray, shapes (time, d_in, d_in) and (time, d_out, \
d_out), or None
        ``C1 = W1^T W1`` and ``C2 = W2 W2^T`` at save points, with ``save_gram=True``;
        see `linflow.observables`.
    last_product : ndarray, shape (d_out, d_in)
        The output map at the end.
    network : Network or None
        The last state; None where the dynamics determines A only.
    status : Status
        Why the run ended; `message` says it in words.
    steps : int
        Steps taken.
    step_size : float or None
        Of a stepped dynamics.
    rejected, rhs_evaluations : int or None
        Of a flow: rejected attempts and right-hand sides.
    segments : list of dict
        Of a flow: which method made which stretch ("method", "begin", "end", "steps",
        "rejected", "rhs_evaluations").
    events : list of dict
        Of a flow: events in the order of their times ("name", "time", "terminal", and
        what the event tells).
    weights : tuple of ndarray, shapes (time, rows, columns), or None
        Every layer at save points, with ``save_weights=True``.
    detail : str
        Where a run that failed stood; part of `message`.
    kappa, lam, mu : float or None
        Threshold and levels of the initial law in units of the output map, if known.
    located_crossings : ndarray, shape (mode,), or None
        Crossing times that a flow has located; part of `crossing_times`.
    exact : bool or None
        Of a closed form: whether its start has two levels to rounding.
    closure_residual, error_bound : float or None
        Of a closed form: the residual rho of the two levels, and the estimate
        ``2 (narrow learned min(1, kappa/s_1*) rho + beyond) + 1e-12`` of the error of A
        relative to max(``|T|_F``, ``|A(0)|_F``), theory §4; ``learned`` is the share
        of their targets that the modes reach by the last time (root mean square),
        ``narrow`` is 1 to 3 where the width is less than d_in + d_out, ``beyond`` is
        the part of the last A that exceeds rank w, which a network of width
        w < min(shape) cannot follow.
    attrs : dict
        What else there is to say of the run, by name, in what JSON has: numbers, words,
        lists and dicts of them.
    """

    dynamics: str
    times: Array
    train_error: Array | None = None
    test_error: Array | None = None
    singular_values: Array | None = None
    converged: NDArray[np.bool_] | None = None
    mode_overlap: Array | None = None
    mode_cluster: NDArray[np.int64] | None = None
    alignment: Array | None = None
    alignment_left: Array | None = None
    alignment_right: Array | None = None
    target_mode: NDArray[np.int64] | None = None
    active_modes: Array | None = None
    rank: Array | None = None
    stable_rank: Array | None = None
    effective_rank: Array | None = None
    nuclear_norm: Array | None = None
    operator_norm: Array | None = None
    product: Array | None = None
    input_gram: Array | None = None
    output_gram: Array | None = None
    last_product: Array
    network: Network | None = None
    status: Status = Status.REACHED_END
    steps: int = 0
    step_size: float | None = None
    rejected: int | None = None
    rhs_evaluations: int | None = None
    segments: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    weights: tuple[Array, ...] | None = None
    detail: str = ""
    kappa: float | None = None
    lam: float | None = None
    mu: float | None = None
    exact: bool | None = None
    closure_residual: float | None = None
    error_bound: float | None = None
    located_crossings: Array | None = None
    attrs: dict[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """Why the run ended, in words."""
        return self.status.message + (f" ({self.detail})" if self.detail else "")

    @property
    def crossing_times(self) -> Array | None:
        """When each singular value first exceeds kappa, shape (mode,).

        Located by a `gradient_flow` that observes "crossing_times"; else interpolated
        between save points (`linflow.spectrum.crossing_times`). NaN where it never
        does. None without singular values or without a known kappa.
        """
        if self.located_crossings is not None:
            return self.located_crossings
        if self.singular_values is None or self.kappa is None:
            return None
        return crossing_times(self.times, self.singular_values, self.kappa)

    def network_at(self, index: int) -> Network:
        """Return the network at a save point of a run with ``save_weights=True``.

        `Network.expand` leads back to the user's own hidden units, where the start came
        from `Weights` or `Network.compress`.

        Raises
        ------
        ValueError
            When the run has no weights.
        IndexError
            When there is no such save point.
        """
        if self.weights is None:
            message = (
                "network_at needs the weights: run gradient_flow or gradient_descent "
                "with save_weights=True"
            )
            raise ValueError(message)
        layers = [layer[index] for layer in self.weights]
        if self.network is None:  # it diverged later
            return Network(*layers) if len(layers) == 2 else DeepNetwork(layers)
        network = with_layers(self.network, layers)
        if network is None:
            message = f"the weights at save point {index} are not finite"
            raise ValueError(message)
        return network

    def checked(self, *, raise_on_failure: bool, raised: object = None) -> Trajectory:
        """Return this trajectory, or raise what ended it early.

        Raises
        ------
        Interrupted
            When Ctrl-C ended the run.
        RunFailed
            When the run failed and `raise_on_failure` is true.
        """
        if isinstance(raised, KeyboardInterrupt):
            self.status = Status.PENDING
            when = f"interrupted at save point {len(self.times)}"
            raise Interrupted(when, self) from raised
        if isinstance(raised, BaseException):
            self.status = Status.USER_ERROR
            raised.trajectory = self  # type: ignore[attr-defined]
            raise raised
        if self.status < 0 and raise_on_failure:
            message = f"{self.dynamics}: {self.message} (step {self.steps})"
            raise RunFailed(message, self)
        return self

    def to_xarray(self) -> xr.Dataset:
        """Return the trajectory as an `xarray.Dataset` with dimension time."""
        import xarray as xr

        layout = {
            "train_error": ("time",),
            "test_error": ("time",),
            "singular_values": ("time", "mode"),
            **FIELDS,
            "product": ("time", "d_out", "d_in"),
            "input_gram": ("time", "d_in", "d_in_2"),
            "output_gram": ("time", "d_out", "d_out_2"),
            "last_product": ("d_out", "d_in"),
        }
        variables = {
            name: (dims, getattr(self, name))
            for name, dims in layout.items()
            if getattr(self, name) is not None
        }
        attrs = self._scalars() | {"message": self.message}
        attrs.update(attrs.pop("attrs"))
        attrs = {
            key: json.dumps(value) if isinstance(value, list) else value
            for key, value in attrs.items()
            if value != []
        }
        clean = {key: value for key, value in attrs.items() if value is not None}
        return xr.Dataset(variables, coords={"time": self.times}, attrs=clean)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the trajectory to one file (NumPy's .npz; the suffix is added).

        Parameters
        ----------
        path : path_like
            The file, with the suffix in small letters or capitals, or without it.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        TypeError
            When ``.attrs`` hold anything but what JSON has: numbers, words, lists, ...
        ValueError
            When the path's suffix is that of another format.
        """
        arrays: dict[str, Any] = {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if isinstance(getattr(self, f.name), np.ndarray)
        }
        header = self._scalars()
        for i, layer in enumerate(self.weights or ()):
            arrays[f"weights_{i}"] = layer
        if isinstance(self.network, DeepNetwork):
            for i, layer in enumerate(self.network.layers):
                arrays[f"layer_{i}"] = layer
            header["widths"] = self.network.widths
        elif self.network is not None:
            arrays["W1"], arrays["W2"] = self.network.W1, self.network.W2
            if self.network.basis is not None:
                arrays["basis"] = self.network.basis
            header["width"] = self.network.width
            header["law"] = self.network.law
            header["closure"] = self.network.closure
        return trajectory_file.write(path, arrays, header)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trajectory:
        """Read a trajectory written by `save`; nothing is unpickled.

        Parameters
        ----------
        path : path_like
            The file, or the path as it was given to `save`, without the suffix.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        ValueError
            When the file is not a trajectory that this version reads.
        """
        arrays, header = trajectory_file.read(path)
        network: Network | None = None
        weights = _numbered(arrays, "weights_")
        layers = _numbered(arrays, "layer_")
        if layers:
            network = DeepNetwork(layers, widths=header.pop("widths"))
        if "W1" in arrays:
            law, closure = header.pop("law"), header.pop("closure", None)
            network = Network(
                arrays.pop("W1"),
                arrays.pop("W2"),
                width=header.pop("width"),
                law=None if law is None else Law(*law),
                basis=arrays.pop("basis", None),
                closure=None if closure is None else Closure(*closure),
            )
        header["status"] = Status(header["status"])
        return cls(network=network, weights=weights or None, **arrays, **header)

    def _scalars(self) -> dict[str, Any]:
        return {
            f.name: int(value) if isinstance(value, Status) else value
            for f in fields(self)
            if f.name not in ("network", "weights")
            and not isinstance(value := getattr(self, f.name), np.ndarray)
            and not (value is None and f.name in _ARRAYS)
        }

    def __repr__(self) -> str:
        last = "" if self.train_error is None else f", train {self.train_error[-1]:.3g}"
        if self.test_error is not None:
            last += f", test {self.test_error[-1]:.3g}"
        return (
            f"Trajectory({self.dynamics}, {len(self.times)} save points, "
            f"{self.steps} steps{last}; {self.message})"
        )


_ARRAYS = frozenset(
    {"train_error", "test_error", "singular_values", "times"}
    | {"product", "last_product", "input_gram", "output_gram"}
    | FIELDS.keys()
)


def _numbered(arrays: dict[str, Any], prefix: str) -> tuple[Array, ...]:
    """Take the arrays prefix0, prefix1, ... out of a file's."""
    count = sum(name.startswith(prefix) for name in arrays)
    return tuple(arrays.pop(f"{prefix}{i}") for i in range(count))


def from_record(
    record: dict[str, Any], *, step_size: float, observe: Sequence[str], **known: Any
) -> Trajectory:
    """Return the trajectory of a stepped run from the core's record of it."""
    return Trajectory(
        times=step_size * record["step"],
        train_error=record["train_error"] if "train_error" in observe else None,
        test_error=record["test_error"] if "test_error" in observe else None,
        singular_values=record["singular_values"]
        if "singular_values" in observe
        else None,
        product=record.get("product"),
        last_product=record["last_product"],
        status=Status(record["status"]),
        steps=int(record["steps"]),
        step_size=step_size,
        **known,
    )
