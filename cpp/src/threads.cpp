#include "linflow/threads.hpp"

#include <algorithm>
#include <exception>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace linflow {
namespace {

thread_local int thread_limit = 0; // 0: none

} // namespace

int default_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

ThreadLimit::ThreadLimit(int threads) : before_(thread_limit) {
  thread_limit = threads;
}

ThreadLimit::~ThreadLimit() { thread_limit = before_; }

int free_threads() {
#ifdef _OPENMP
  if (omp_in_parallel() != 0) {
    return 1;
  }
#endif
  return thread_limit > 0 ? thread_limit : default_threads();
}

void split(Index count, const std::function<void(Index)>& part) {
  const auto threads = static_cast<int>(std::min<Index>(free_threads(), count));
  if (threads <= 1) {
    for (Index i = 0; i < count; ++i) {
      part(i);
    }
    return;
  }
  std::exception_ptr failure; // memory for packing: it must not leave the region
#pragma omp parallel for num_threads(threads) schedule(dynamic)
  for (Index i = 0; i < count; ++i) {
    try {
      part(i);
    } catch (...) {
#pragma omp critical(linflow_split)
      failure = std::current_exception();
    }
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

} // namespace linflow
