#include "kernels.hpp"

namespace mote::train {

#if defined(MOTE_TRAIN_X86_LEVELS)
namespace isa_v4 {
const Kernels& table();
}
namespace isa_v3 {
const Kernels& table();
}
#endif
namespace isa_base {
const Kernels& table();
}

namespace {

const Kernels& choose() {
#if defined(MOTE_TRAIN_X86_LEVELS)
  __builtin_cpu_init();
  // The psABI levels the two files are compiled for, by their newest members.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd")) {
    return isa_v4::table();
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    return isa_v3::table();
#endif
  return isa_base::table();
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& chosen = choose();
  return chosen;
}

}  // namespace mote::train
