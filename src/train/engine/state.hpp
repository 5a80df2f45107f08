#pragma once
// Everything a training run has to remember between two steps, and its form on disk.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "mote/base/hash.hpp"
#include "mote/train/train.hpp"

namespace mote::train {

struct Weights {
  std::vector<float> parameters;
  std::vector<float> statistics;  ///< measured, not learned: of batch norms, or ranges of activations
};

struct State {
  std::int64_t step = 0;  ///< steps done
  Weights current;
  Weights averaged;                  ///< empty unless ema_decay > 0
  Weights best;                      ///< empty unless early stopping has seen an epoch
  std::vector<float> first_moment;   ///< sgd: velocity
  std::vector<float> second_moment;  ///< adamw only
  double best_loss = 0.0;
  std::int32_t stale_epochs = 0;
  bool finished = false;
  bool stopped_early = false;
  double epoch_loss = 0.0;  ///< sums over the running epoch's samples
  double epoch_correct = 0.0;
  double epoch_seconds = 0.0;
  std::vector<Epoch> curves;

  [[nodiscard]] const Weights& evaluated() const { return averaged.parameters.empty() ? current : averaged; }
};

/// Replaces the checkpoint in `folder`. `key` says for which graph, options and data it is good.  @error io
[[nodiscard]] Result<void> save_state(const std::filesystem::path& folder, const Digest& key, const State& state);

/// The state saved in `folder`; none when there is no file. A file that is damaged or has another key gives none, and a
/// sentence in `note`.
/// @error io  there is a file, but it cannot be read.
[[nodiscard]] Result<std::optional<State>> load_state(const std::filesystem::path& folder, const Digest& key,
                                                      std::string& note);

}  // namespace mote::train
