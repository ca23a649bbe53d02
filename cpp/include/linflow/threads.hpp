// Threads within one run, for work of which every part is large.
#pragma once

#include "linflow/types.hpp"

#include <functional>

namespace linflow {

// What OpenMP would use here, which respects OMP_NUM_THREADS, the affinity mask and
// threadpoolctl; 1 without OpenMP.
int default_threads();

// While it lives, this thread may use at most so many for split().
class ThreadLimit {
public:
  explicit ThreadLimit(int threads);
  ~ThreadLimit();
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

private:
  int before_;
};

// How many split() would use here: one within a parallel region, where they are taken.
int free_threads();

// Calls part(0) … part(count − 1), each in one of the free threads.
void split(Index count, const std::function<void(Index)>& part);

} // namespace linflow
