from typing import TypedDict

class Info(TypedDict, total=False):
    version: str
    instruction_set: str
    available: list[str]
    simd: str
    compiler: str
    eigen: str
    openmp: int | None
    threads: int

def info() -> Info: ...
def before_fork() -> None: ...
