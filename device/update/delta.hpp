#pragma once
// A module that travels as its difference to the module in the other slot. The decoder writes the new module front to
// back, reads the old one where it wants, takes the delta in pieces of any size, and is one plain value of less than
// 400 bytes: a copy of it is a checkpoint. It never looks back at what it wrote. docs/formats/delta.md.
//
// The delta's digest has been checked before; this is safe with any bytes all the same. Each turn of its loops writes
// at least a byte of the module or takes one of the delta, and neither passes what the delta's head announces.

#include "update/bytes.hpp"
#include "update/delta_model.hpp"
#include "update/status.hpp"

namespace mote::update {

class DeltaDecoder {
 public:
  /// @param room  most bytes that the module may have: the slot's.
  void begin(std::uint32_t room);

  /// Takes bytes from the front of `delta` and writes to the front of `module`; both are moved on by what was used.
  /// @param base  the old module, in mapped flash; it stays as it is.
  /// @param module  may be of any size; up to 3 bytes stay unused while there is more to come.
  /// @return ok       the module is complete, and the delta ends here: what is left in `delta` is not part of it.
  ///         waiting  for more of the delta where `delta` is empty, else for room in `module`.
  ///         otherwise why there will be no module (and so for all calls that follow): malformed, truncated,
  ///         unsupported_version, wrong_base, module_too_large, trailing_bytes.
  [[nodiscard]] Status decode(Bytes base, Bytes& delta, MutableBytes& module);

  /// To be asked when there is no more of the delta: ok, or truncated, or what decode() refused with.
  [[nodiscard]] Status finish() const { return status_ == Status::waiting ? Status::truncated : status_; }

  /// Bytes of the delta that were taken, and of the module that were written: where a copy of this goes on.
  [[nodiscard]] std::uint32_t taken() const { return taken_; }
  [[nodiscard]] std::uint32_t written() const { return written_; }
  /// Of the whole module; 0 until the head has been read.
  [[nodiscard]] std::uint32_t module_bytes() const { return module_bytes_; }

 private:
  class Range;
  struct Coder;
  Status run(Bytes base, Bytes& delta, MutableBytes& module);
  Status read_head(Bytes base);
  Status read_segment();
  Status copy_run(Bytes base, MutableBytes& module);
  Status decode_run(Bytes base, Bytes& delta, MutableBytes& module);
  void refill(Bytes& delta);
  std::uint8_t next();
  [[nodiscard]] bool is_ready() const;

  // All of it is set by begin().
  std::uint32_t room_;
  std::uint32_t base_bytes_;
  std::uint32_t module_bytes_;
  std::uint32_t delta_bytes_;
  std::uint32_t taken_;
  std::uint32_t written_;

  // The range decoder, and what was taken but not used yet.
  std::uint32_t range_;
  std::uint32_t code_;
  std::uint8_t input_[32];
  std::uint8_t input_first_;
  std::uint8_t input_count_;

  // The segment under way.
  delta::Kind kind_;
  std::uint8_t period_;
  std::uint32_t left_;  ///< bytes
  std::int32_t shift_;

  Status status_;
  delta::Model model_;
};

}  // namespace mote::update
