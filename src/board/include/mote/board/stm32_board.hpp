#pragma once
// An emulated STM32L4 on which somebody else's firmware image runs unmodified, every cycle modelled: enough to boot
// what STM32CubeMX generates, to talk over the UART of the on-board programmer and to read a timer. It exists to hold
// the cycle model against times that others have published for their binaries (bench/vendor_images).
//
// Memory: the image at 0 and at 0x08000000, RAM at 0x20000000. Peripherals are registers that keep what is written and
// report ready at once; only LPUART1 and TIM5 do something. Interrupts are taken only while the program waits in a
// branch to itself, which is where such firmware waits. Absent on purpose: SysTick, DMA, writing flash.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/board/board_spec.hpp"

namespace mote::board {

struct Stm32BoardOptions {
  std::uint64_t instruction_limit = 4'000'000'000;  ///< of booting and of one exchange
};

class Stm32Board {
 public:
  /// Boots a raw image, linked at 0x08000000, until it waits for the UART's interrupt.
  /// @error unsupported  the board is no STM32L4 that is emulated.   @error too_large  the image is larger than its
  /// flash.   @error malformed  the image's vectors point outside of it.
  /// @error internal  the program faulted, or did not come to wait.
  [[nodiscard]] static Result<Stm32Board> create(const BoardSpec& board, ByteSpan image,
                                                 const Stm32BoardOptions& options = {});
  ~Stm32Board();
  Stm32Board(Stm32Board&&) noexcept;
  Stm32Board& operator=(Stm32Board&&) noexcept;

  /// Sends text to the UART, an interrupt a character, and returns what the program said until it waited again.
  /// @error internal  the program faulted or did not come to wait again.
  [[nodiscard]] Result<std::string> exchange(std::string_view text);

  /// What was counted from power-on to each look at TIM5's counter, in order. MLPerf Tiny's firmware looks at the
  /// beginning and the end of what it times.
  [[nodiscard]] const std::vector<CycleCounts>& timer_looks() const;

 private:
  struct Impl;
  explicit Stm32Board(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mote::board
