"""What doctests of a single file need."""

# Else pytest runs a module by itself beside the one that the package imports, and puts
# it in the place of the function of that name: linflow.phase_diagram, linflow.sweep.
import linflow  # noqa: F401
