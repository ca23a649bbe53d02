"""How sweeps are carried out: batches, what computes them, and what goes wrong.

`linflow.sweep` and `linflow.phase_diagram` are the ways in; what they run on, with
recipes for SLURM and MPI, is described in `linflow.execution.executors`.
"""
