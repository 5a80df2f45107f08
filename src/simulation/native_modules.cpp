#include "mote/simulation/native_modules.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "abi/module.hpp"

namespace mote::simulation {

constexpr std::size_t kArenaAlign = 64;

/// A copy of a module in memory that may be executed and not be written.
class NativeModules::Executable {
 public:
  explicit Executable(ByteSpan module) : bytes_(module.size()) {
    memory_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MOTE_CHECK(memory_ != MAP_FAILED);
    std::memcpy(memory_, module.data(), bytes_);
    MOTE_CHECK(::mprotect(memory_, bytes_, PROT_READ | PROT_EXEC) == 0);
  }
  ~Executable() { ::munmap(memory_, bytes_); }
  Executable(const Executable&) = delete;
  Executable& operator=(const Executable&) = delete;

  [[nodiscard]] bool holds(ByteSpan module) const {
    return module.size() == bytes_ && std::memcmp(memory_, module.data(), bytes_) == 0;
  }

  template <class Function>
  [[nodiscard]] Function function(std::uint32_t offset) const {
    return reinterpret_cast<Function>(static_cast<std::uint8_t*>(memory_) + offset);
  }

 private:
  void* memory_;
  std::size_t bytes_;
};

namespace {

/// The module's own digest is that of its bytes.
bool is_whole(ByteSpan module) {
  Bytes copy(module.begin(), module.end());
  std::memset(copy.data() + offsetof(device::ModuleHeader, digest), 0, sizeof(device::ModuleHeader::digest));
  return std::ranges::equal(sha256(copy).bytes, module.subspan(offsetof(device::ModuleHeader, digest), 32));
}

}  // namespace

NativeModules::NativeModules(std::size_t arena_bytes)
    : arena_(static_cast<std::uint8_t*>(
                 std::aligned_alloc(kArenaAlign, (arena_bytes + kArenaAlign - 1) / kArenaAlign * kArenaAlign)),
             [](std::uint8_t* memory) { std::free(memory); }),
      arena_bytes_(arena_bytes) {}

NativeModules::~NativeModules() = default;

const std::uint8_t* NativeModules::invoke(ByteSpan slot, bool fresh, ByteSpan input) {
  device::ModuleHeader header;
  MOTE_CHECK(slot.size() >= sizeof(header));
  std::memcpy(&header, slot.data(), sizeof(header));
  if (header.module_bytes < sizeof(header) || header.module_bytes > slot.size() || header.arena_bytes > arena_bytes_ ||
      input.size() != header.input_bytes)
    return nullptr;
  const ByteSpan module = slot.first(header.module_bytes);
  Digest digest;
  std::copy(std::begin(header.digest), std::end(header.digest), digest.bytes.begin());
  auto& executable = loaded_[digest];
  if (!executable && is_whole(module)) executable = std::make_unique<Executable>(module);
  if (!executable || !executable->holds(module)) return nullptr;
  if (fresh && header.reset_offset != 0) executable->function<device::ResetFunction>(header.reset_offset)(arena_.get());
  std::memcpy(arena_.get() + header.input_offset, input.data(), input.size());
  const std::int32_t status = executable->function<device::InvokeFunction>(header.entry_offset)(arena_.get());
  return status == 0 ? arena_.get() + header.output_offset : nullptr;
}

}  // namespace mote::simulation
