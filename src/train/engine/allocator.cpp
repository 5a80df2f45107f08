#include "allocator.hpp"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <torch/version.h>

#include <bit>
#include <cstdlib>
#include <new>
#include <vector>

namespace mote::train {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHeader = kAlignment;               // before each block: its capacity
constexpr std::size_t kKeepBytes = std::size_t{1} << 30;  // a thread's lists hold at most this much

/// Capacities are powers of two and the three steps between them, so that a block wastes at most a quarter.
std::size_t capacity_for(std::size_t bytes) {
  if (bytes <= 256) return 256;
  const std::size_t step = std::bit_floor(bytes - 1) / 4;
  return (bytes + step - 1) / step * step;
}

std::size_t bucket_of(std::size_t capacity) {
  const auto power = static_cast<std::size_t>(std::bit_width(capacity) - 1);
  return power * 4 + ((capacity >> (power - 2)) & 3u);
}

struct FreeLists {
  std::vector<std::vector<void*>> buckets{64 * 4};
  std::size_t kept_bytes = 0;
  static thread_local bool closed;
  ~FreeLists() {
    closed = true;
    for (auto& bucket : buckets) {
      for (void* block : bucket) std::free(block);
    }
  }
};
thread_local bool FreeLists::closed = false;

FreeLists& lists() {
  static thread_local FreeLists mine;
  return mine;
}

std::size_t& capacity_field(void* block) { return *static_cast<std::size_t*>(block); }

void release(void* data) {
  if (data == nullptr) return;
  void* block = static_cast<char*>(data) - kHeader;
  const std::size_t capacity = capacity_field(block);
  if (FreeLists::closed || lists().kept_bytes + capacity > kKeepBytes) return std::free(block);
  FreeLists& mine = lists();
  mine.kept_bytes += capacity;
  mine.buckets[bucket_of(capacity)].push_back(block);
}

void* acquire(std::size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::size_t capacity = capacity_for(bytes);
  if (!FreeLists::closed) {
    auto& bucket = lists().buckets[bucket_of(capacity)];
    if (!bucket.empty()) {
      void* block = bucket.back();
      bucket.pop_back();
      lists().kept_bytes -= capacity;
      return static_cast<char*>(block) + kHeader;
    }
  }
  void* block = std::aligned_alloc(kAlignment, (kHeader + capacity + kAlignment - 1) / kAlignment * kAlignment);
  if (block == nullptr) throw std::bad_alloc();
  capacity_field(block) = capacity;
  return static_cast<char*>(block) + kHeader;
}

class TensorCache final : public c10::Allocator {
 public:
#if TORCH_VERSION_MAJOR >= 2  // allocate lost its const and copy_data was added
  c10::DataPtr allocate(std::size_t bytes) override { return make(bytes); }
  void copy_data(void* to, const void* from, std::size_t count) const override { default_copy_data(to, from, count); }
#else
  c10::DataPtr allocate(std::size_t bytes) const override { return make(bytes); }
#endif
  c10::DeleterFnPtr raw_deleter() const override { return &release; }

 private:
  static c10::DataPtr make(std::size_t bytes) {
    void* data = acquire(bytes);
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
};

}  // namespace

void install_tensor_cache() {
  static TensorCache cache;
  static const bool installed = [] {
    constexpr std::uint8_t kAboveDefault = 1;
    c10::SetCPUAllocator(&cache, kAboveDefault);
    return true;
  }();
  static_cast<void>(installed);
}

}  // namespace mote::train
