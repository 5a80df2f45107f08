#pragma once
// A fixed set of threads that do one piece of work together, again and again, without being started anew.

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "mote/base/error.hpp"

namespace mote::train {

class Crew {
 public:
  /// @param threads  0: all cores. The caller of run() is one of them.
  explicit Crew(std::int32_t threads);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  [[nodiscard]] std::size_t size() const { return threads_.size() + 1; }

  using Work = std::function<Result<void>(std::size_t worker)>;
  /// Calls work(worker) once on each thread and waits for all.
  /// @return the failure of the lowest worker that failed; an exception that escapes `work` becomes Code::internal.
  [[nodiscard]] Result<void> run(const Work& work);

  /// Calls work(index) for every index in [0, count), spread over the threads.
  /// @return the failure of the lowest index.
  [[nodiscard]] Result<void> for_each(std::size_t count, const std::function<Result<void>(std::size_t index)>& work);

 private:
  void serve(std::size_t worker);
  void perform(std::size_t worker);

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable called_;
  std::condition_variable done_;
  const Work* work_ = nullptr;
  std::uint64_t round_ = 0;
  std::size_t busy_ = 0;
  bool closing_ = false;
  std::vector<Result<void>> results_;
};

}  // namespace mote::train
