#include "crew.hpp"

#include <ATen/Parallel.h>

#include <atomic>
#include <exception>

#include "mote/base/parallel.hpp"

namespace mote::train {
namespace {

std::size_t count_of(std::int32_t threads) { return threads > 0 ? static_cast<std::size_t>(threads) : core_count(); }

// One thread a shard is the parallelism; torch's own would oversubscribe the cores. It keeps the number per thread
// (OpenMP).
void keep_torch_single_threaded() {
  if (at::get_num_threads() != 1) at::set_num_threads(1);
}

}  // namespace

Crew::Crew(std::int32_t threads) : results_(count_of(threads)) {
  for (std::size_t worker = 1; worker < results_.size(); ++worker) {
    threads_.emplace_back([this, worker] { serve(worker); });
  }
}

Crew::~Crew() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  called_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Crew::perform(std::size_t worker) {
  try {
    keep_torch_single_threaded();
    results_[worker] = (*work_)(worker);
  } catch (const std::exception& e) {
    results_[worker] = fail(Code::internal, std::string("training step: ") + e.what());
  }
}

void Crew::serve(std::size_t worker) {
  std::uint64_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      called_.wait(lock, [&] { return closing_ || round_ != seen; });
      if (closing_) return;
      seen = round_;
    }
    perform(worker);
    const std::lock_guard lock(mutex_);
    if (--busy_ == 0) done_.notify_one();
  }
}

Result<void> Crew::run(const Work& work) {
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    busy_ = threads_.size();
    ++round_;
  }
  called_.notify_all();
  perform(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return busy_ == 0; });
  for (Result<void>& result : results_) {
    if (!result) return fail(std::move(result).error());
  }
  return {};
}

Result<void> Crew::for_each(std::size_t count, const std::function<Result<void>(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  std::mutex failure_mutex;
  std::size_t failed_index = count;
  Result<void> failure;
  MOTE_TRY_VOID(run([&](std::size_t) -> Result<void> {
    for (std::size_t index = next++; index < count; index = next++) {
      Result<void> result = work(index);
      if (result) continue;
      const std::lock_guard lock(failure_mutex);
      if (index < failed_index) {
        failed_index = index;
        failure = std::move(result);
      }
      return {};
    }
    return {};
  }));
  return failure;
}

}  // namespace mote::train
