#include "linflow/parallel.hpp"

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace linflow {

int default_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

bool parallel_for(Index total,
                  int n_threads,
                  const Progress& progress,
                  const std::function<Job()>& make_job) {
  const int wanted = n_threads > 0 ? n_threads : default_threads();
  const auto threads = static_cast<int>(std::min<Index>(wanted, total));
  std::atomic<Index> next{0};
  std::atomic<Index> finished{0};
  std::atomic<int> working{1};
  std::atomic<bool> cancelled{false};
  std::vector<std::exception_ptr> failures(
      static_cast<std::size_t>(std::max(threads, 1)));

  const auto poll = [&](Index /*step*/) {
    if (progress && progress(finished.load())) {
      cancelled = true;
    }
  };
  const auto work = [&](int thread) {
    // Only the calling thread (number 0 of the team) may talk to the caller.
    Control control(cancelled, thread == 0 ? Control::Poll(poll) : Control::Poll());
    try {
      const Job job = make_job();
      for (Index k = next++; k < total && !cancelled; k = next++) {
        if (job(k, control)) {
          ++finished;
        }
        control(0);
      }
    } catch (...) {
      failures[static_cast<std::size_t>(thread)] = std::current_exception();
      cancelled = true;
    }
    --working;
    // The calling thread stays answerable while others finish their last jobs.
    while (thread == 0 && working > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      control(0);
    }
  };

#ifdef _OPENMP
  if (threads > 1) {
    // The team may come out smaller than asked for (OMP_THREAD_LIMIT, nested regions);
    // the counter shares the jobs among those who came.
#pragma omp parallel num_threads(threads)
    {
#pragma omp single
      working = omp_get_num_threads();
      work(omp_get_thread_num());
    }
  } else if (total > 0) {
    work(0);
  }
#else
  if (total > 0) {
    work(0);
  }
#endif
  for (const auto& failure : failures) {
    if (failure) {
      std::rethrow_exception(failure);
    }
  }
  if (progress) {
    progress(finished.load());
  }
  return !cancelled;
}

} // namespace linflow
