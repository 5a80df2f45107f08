#include "boards/markers.hpp"

// The empty assembly keeps the compiler from merging or dropping the calls.
extern "C" {
[[gnu::noinline, gnu::used]] void mote_infer_begin() { __asm__ volatile("" ::: "memory"); }
[[gnu::noinline, gnu::used]] void mote_infer_end() { __asm__ volatile("" ::: "memory"); }
[[gnu::noinline, gnu::used]] void mote_idle() { __asm__ volatile("" ::: "memory"); }
}
