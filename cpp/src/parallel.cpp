#include "linflow/parallel.hpp"

#include <algorithm>
#include <exception>
#include <thread>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace linflow {

std::optional<Index> JobQueue::take() {
  if (cancelled_->load(std::memory_order_relaxed)) {
    return std::nullopt;
  }
  const Index taken = next_++;
  return taken < total_ ? std::optional<Index>(taken) : std::nullopt;
}

bool parallel_for(Index total,
                  int n_threads,
                  const Progress& progress,
                  const std::function<Job()>& make_job) {
  return parallel_queue(
      total, n_threads, progress, [&](JobQueue& queue, Control& control) {
        const Job job = make_job();
        while (const auto k = queue.take()) {
          if (job(*k, control)) {
            queue.finish();
          }
          control(0);
        }
      });
}

bool parallel_queue(Index total,
                    int n_threads,
                    const Progress& progress,
                    const QueueWork& queue_work) {
  const int wanted = n_threads > 0 ? n_threads : default_threads();
  const auto threads = static_cast<int>(std::min<Index>(wanted, total));
  std::atomic<int> ended{0};
  std::atomic<bool> cancelled{false};
  JobQueue queue(total, cancelled);
  std::vector<std::exception_ptr> failures(
      static_cast<std::size_t>(std::max(threads, 1)));

  const auto poll = [&](Index /*step*/) {
    if (progress && progress(queue.finished())) {
      cancelled = true;
    }
  };
  const auto work = [&](int thread, int team) {
    // Only the calling thread (number 0 of the team) may talk to the caller.
    Control control(cancelled, thread == 0 ? Control::Poll(poll) : Control::Poll());
    try {
      queue_work(queue, control);
    } catch (...) {
      failures[static_cast<std::size_t>(thread)] = std::current_exception();
      cancelled = true;
    }
    ++ended;
    // The calling thread stays answerable while others finish their last jobs.
    while (thread == 0 && ended < team) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      control(0);
    }
  };

#ifdef _OPENMP
  if (threads > 1) {
    // The team may come out smaller than asked for (OMP_THREAD_LIMIT, nested regions);
    // the counter shares the jobs among those who came. Nobody waits for a thread that
    // starts late.
#pragma omp parallel num_threads(threads)
    work(omp_get_thread_num(), omp_get_num_threads());
  } else if (total > 0) {
    const ThreadLimit limit(wanted); // one job may use all the threads it was given
    work(0, 1);
  }
#else
  if (total > 0) {
    work(0, 1);
  }
#endif
  for (const auto& failure : failures) {
    if (failure) {
      std::rethrow_exception(failure);
    }
  }
  if (progress) {
    progress(queue.finished());
  }
  return !cancelled;
}

} // namespace linflow
