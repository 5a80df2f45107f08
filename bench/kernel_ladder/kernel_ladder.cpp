// Prints a layer of each kind at every step from its definition to the fastest kernel: cycles on the emulated board,
// and why the step wins.
//
//   mote_kernel_ladder [BOARD]

#include <fmt/format.h>

#include <cstdio>

#include "ladder.hpp"

namespace {

using namespace mote;

bool print(const ladder::Ladder& l, const board::BoardSpec& board) {
  fmt::print("\n## {}: {} multiply-accumulates\n\n", l.title, graph::macs(l.graph));
  fmt::print("| step | cycles | a MAC | to the step before | code | constants | scratch | why |\n");
  fmt::print("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  std::uint64_t before = 0;
  for (const ladder::Rung& rung : l.rungs) {
    const auto m = ladder::measure(l.graph, rung, board);
    if (!m) {
      fmt::print(stderr, "{}: {}\n", rung.name, m.error().message());
      return false;
    }
    fmt::print("| {} | {} | {:.3f} | {} | {} | {} | {} | {} |\n", rung.name, m->cycles, m->cycles_a_mac(),
               before == 0 ? "" : fmt::format("{:.2f}", static_cast<double>(m->cycles) / static_cast<double>(before)),
               m->code_bytes, m->constant_bytes, m->scratch_bytes, rung.why);
    std::fflush(stdout);
    before = m->cycles;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const auto board = board::load_board(argc > 1 ? argv[1] : "nucleo-l4r5zi");
  if (!board) {
    fmt::print(stderr, "{}\n", board.error().message());
    return 2;
  }
  for (const ladder::Ladder& l : ladder::ladders()) {
    if (!print(l, *board)) return 1;
  }
  return 0;
}
