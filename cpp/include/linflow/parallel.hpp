// Independent jobs on several threads, with one thread that stays answerable.
#pragma once

#include "linflow/run.hpp"
#include "linflow/threads.hpp"

#include <functional>
#include <optional>

namespace linflow {

// Called by the calling thread only, about every 50 ms, with the number of finished
// jobs; returns true to cancel.
using Progress = std::function<bool(Index finished)>;

// Does job number k; returns false when it was cancelled. Made once per thread, so that
// it can own buffers; to be polled through the control within long jobs.
using Job = std::function<bool(Index k, Control& control)>;

// Runs jobs 0 … total − 1. Threads take them from one counter, so that unequal jobs
// keep all threads busy; each job is done by one thread and writes its own results,
// with no reduction across threads: results do not depend on the number of threads.
// n_threads 0 means default_threads(). Returns false when cancelled. An exception in a
// job ends the others and is thrown here.
bool parallel_for(Index total,
                  int n_threads,
                  const Progress& progress,
                  const std::function<Job()>& make_job);

// The numbers 0 … total − 1, each handed out once, for work that takes the next one
// whenever it has room (ensemble batches).
class JobQueue {
public:
  JobQueue(Index total, const std::atomic<bool>& cancelled)
      : total_(total), cancelled_(&cancelled) {}

  // The next number, or nothing when all are taken or the work is cancelled.
  std::optional<Index> take();
  void finish() { ++finished_; }
  [[nodiscard]] Index finished() const { return finished_.load(); }

private:
  Index total_;
  const std::atomic<bool>* cancelled_;
  std::atomic<Index> next_{0};
  std::atomic<Index> finished_{0};
};

// Calls work(queue, control) once in each of at most `total` threads; otherwise as
// parallel_for.
using QueueWork = std::function<void(JobQueue& queue, Control& control)>;
bool parallel_queue(Index total,
                    int n_threads,
                    const Progress& progress,
                    const QueueWork& work);

} // namespace linflow
