#pragma once
// Numbers of one type as numbers of another.

#include <cstdint>

namespace mote::device {

/// Fractions are cut off; of a float that the type cannot hold becomes its smallest or largest number, of what is no
/// number 0; whole numbers wrap, as TensorFlow Lite's do.
template <class Out, class In>
Out cast_one(In v) {
  if constexpr (Out(0.5f) != Out(0)) {
    return static_cast<Out>(v);  // to float
  } else {
    constexpr Out kLow = static_cast<Out>(std::uint64_t{1} << (8 * sizeof(Out) - 1)), kHigh = static_cast<Out>(~kLow);
    if constexpr (In(0.5f) == In(0)) {
      return static_cast<Out>(v);
    } else {
      if (!(v > static_cast<In>(kLow))) return v <= static_cast<In>(kLow) ? kLow : Out(0);
      if (v >= static_cast<In>(kHigh)) return kHigh;
      return static_cast<Out>(v);
    }
  }
}

template <class Out, class In>
void cast(const In* x, Out* y, std::int32_t count) {
  for (std::int32_t i = 0; i < count; ++i) y[i] = cast_one<Out>(x[i]);
}

}  // namespace mote::device
