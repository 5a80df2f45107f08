#pragma once
// Runs modules that were compiled for the machine mote runs on, in this process: what native devices do where a board
// jumps into its flash. A module whose bits have flipped since it was compiled is not run: it could do anything to this
// process.

#include <map>
#include <memory>

#include "mote/base/bytes.hpp"
#include "mote/base/hash.hpp"

namespace mote::simulation {

/// Not thread-safe.
class NativeModules {
 public:
  explicit NativeModules(std::size_t arena_bytes);
  ~NativeModules();
  NativeModules(const NativeModules&) = delete;
  NativeModules& operator=(const NativeModules&) = delete;

  /// @param slot   begins with the module; longer than it.
  /// @param fresh  its state is made initial before.
  /// @return the output in the arena, until the next call; null when the module returned a status, or is damaged.
  [[nodiscard]] const std::uint8_t* invoke(ByteSpan slot, bool fresh, ByteSpan input);

  [[nodiscard]] std::size_t arena_bytes() const { return arena_bytes_; }

 private:
  class Executable;
  std::map<Digest, std::unique_ptr<Executable>> loaded_;
  std::unique_ptr<std::uint8_t[], void (*)(std::uint8_t*)> arena_;
  std::size_t arena_bytes_;
};

}  // namespace mote::simulation
