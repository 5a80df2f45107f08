#pragma once
// A virtual device behind a pseudo-terminal: to a courier, or `mote device send`, it is a board on a serial port. It
// goes on inferring with the test vectors of the module that it left the factory with.

#include <chrono>
#include <filesystem>
#include <memory>

#include "mote/package/parcel.hpp"
#include "mote/simulation/field_device.hpp"

namespace mote::simulation {

struct PluggedOptions {
  package::FactoryOptions factory;  ///< with a module
  std::uint32_t inbox_bytes = 0;    ///< 0: as much as a module and a head
  /// Content of its flash between two calls; empty: it begins anew. A file of another board or layout is refused.
  std::filesystem::path flash;
};

class PluggedDevice {
 public:
  /// @error io  no pseudo-terminal, or its flash cannot be read.   @error malformed  a flash of another size.
  /// @error what make_field_device says.
  [[nodiscard]] static Result<std::unique_ptr<PluggedDevice>> plug(const board::BoardSpec& board,
                                                                   const PluggedOptions& options);
  virtual ~PluggedDevice() = default;

  /// The terminal's other end: "/dev/pts/3".
  [[nodiscard]] virtual const std::string& port() const = 0;
  /// Answers, works and infers for so long.
  [[nodiscard]] virtual Result<device::AgentState> live(std::chrono::milliseconds time) = 0;
  /// Its flash is written to where it came from.  @error io
  [[nodiscard]] virtual Result<void> save() = 0;
};

}  // namespace mote::simulation
