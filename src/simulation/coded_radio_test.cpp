// How many fragments a block takes over a radio that loses some: the table of docs/links.md.
//   MOTE_TRIALS=5000 mote_simulation_coded_radio_test     prints it with more trials

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "mote/fleet/fragment_encoder.hpp"
#include "mote/simulation/links.hpp"
#include "mote/simulation/memory_store.hpp"
#include "update/fragments.hpp"

namespace mote::simulation {
namespace {

using update::Status;

struct Outcome {
  std::vector<unsigned> beyond;  ///< fragments received when the block was complete, less M; one a trial
  unsigned over_memory = 0;      ///< trials with more than 64 lost
  unsigned most_lost = 0;
};

/// One block after the other over one radio, so that bursts go on from block to block. Fragments of 8 bytes: what is
/// measured does not depend on their size.
Outcome measure(std::uint16_t fragments, const RadioOptions& options, unsigned trials, std::uint64_t seed) {
  constexpr std::size_t kBytes = 8;
  Outcome outcome;
  Radio radio(options, seed);
  Rng rng(mix(seed, 1));
  Bytes block(fragments * kBytes), scratch(256);
  for (auto& byte : block) byte = static_cast<std::uint8_t>(rng.below(256));
  const fleet::FragmentEncoder encoder = fleet::FragmentEncoder::create(block, kBytes).value();
  std::vector<std::uint16_t> numbers;
  for (std::uint16_t n = 1; n <= fragments; ++n) numbers.push_back(n);
  for (const std::uint16_t n : fleet::coded_order(fragments, 3u * fragments)) numbers.push_back(n);
  std::vector<Bytes> frames;
  for (const std::uint16_t n : numbers) frames.push_back(encoder.fragment(n));

  for (unsigned trial = 0; trial < trials; ++trial) {
    MemoryStore store(static_cast<std::uint32_t>(block.size()), kBytes);
    update::FragmentDecoder<MemoryStore, 128> decoder;
    Status status = decoder.open(store, {0, 0, fragments}, {scratch.data(), scratch.size()});
    unsigned received = 0, uncoded = 0;
    // From the beginning again after many: where M/2 is even, so is the number of fragments in each coded one, and a
    // receiver that lost all uncoded ones needs one of them.
    for (std::size_t i = 0; status == Status::waiting; ++i) {
      const std::size_t at = i % numbers.size();
      for (Bytes& frame : radio.send(frames[at])) {
        ++received;
        uncoded += i < fragments ? 1 : 0;
        status = decoder.take(numbers[at], {frame.data(), frame.size()}, {scratch.data(), scratch.size()});
      }
    }
    EXPECT_EQ(status, Status::ok) << name(status);
    EXPECT_EQ(store.content(), block);
    outcome.beyond.push_back(received - fragments);
    outcome.over_memory += fragments - uncoded > 64 ? 1 : 0;
    outcome.most_lost = std::max(outcome.most_lost, fragments - uncoded);
  }
  return outcome;
}

TEST(CodedRadio, blocks_are_complete_with_seven_fragments_more) {
  const char* wanted = std::getenv("MOTE_TRIALS");
  const unsigned trials = wanted != nullptr ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 10)) : 200;
  std::printf("%-8s%-8s%-12s%-12s%-14s%-12s%s\n", "M", "loss", "bursts of", "mean more", "within M + 7", "most lost",
              "over 64 lost");
  unsigned all = 0, within_all = 0, row = 0;
  for (const unsigned fragments : {20u, 50u, 100u, 128u}) {
    for (const double burst : {0.0, 5.0}) {
      for (const double loss : {0.1, 0.2, 0.3, 0.4}) {
        RadioOptions options;
        options.loss = loss;
        options.burst = burst;
        const Outcome outcome = measure(static_cast<std::uint16_t>(fragments), options, trials, mix(1, row++));
        unsigned within = 0, sum = 0;
        for (const unsigned more : outcome.beyond) {
          within += more <= 7 ? 1 : 0;
          sum += more;
        }
        const double share = static_cast<double>(within) / trials;
        std::printf("%-8u%-8.0f%-12.0f%-12.2f%-14.2f%-12u%.2f\n", fragments, 100 * loss, burst,
                    static_cast<double>(sum) / trials, 100 * share, outcome.most_lost,
                    100.0 * outcome.over_memory / trials);
        // 1 - 2^-7 is what random lines can reach; four deviations of a measurement of it are granted.
        EXPECT_GE(share, 0.992 - 4 * 0.089 / std::sqrt(trials)) << fragments << " fragments, loss " << loss;
        all += trials;
        within_all += within;
      }
    }
  }
  std::printf("all: %.3f %% of %u within M + 7\n", 100.0 * within_all / all, all);
  EXPECT_GE(within_all, 0.99 * all);
}

}  // namespace
}  // namespace mote::simulation
