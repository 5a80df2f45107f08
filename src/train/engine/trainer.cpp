#include "trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "allocator.hpp"
#include "inference.hpp"
#include "mote/base/rng.hpp"
#include "update.hpp"

namespace mote::train {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint64_t kDropoutStream = 0x4452;
constexpr auto kReportEvery = std::chrono::milliseconds(200);

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::size_t classes_of(const Learner& learner, const TrainOptions& options) {
  return options.loss == Loss::cross_entropy ? learner.outputs() : 0;
}

std::size_t count_correct(const Tensor& outputs, const std::vector<std::int32_t>& labels) {
  const auto classes = static_cast<std::size_t>(outputs.size(1));
  const float* row = outputs.data_ptr<float>();
  std::size_t correct = 0;
  for (const std::int32_t label : labels) {
    correct += std::max_element(row, row + classes) - row == label ? 1u : 0u;
    row += classes;
  }
  return correct;
}

}  // namespace

std::vector<float> class_weights(const BatchSource& source, std::size_t classes, ClassWeights kind) {
  std::vector<float> weights(classes, 1.0f);
  if (kind == ClassWeights::none) return weights;
  std::vector<std::size_t> counts(classes, 0);
  for (std::size_t i = 0; i < source.size(); ++i) ++counts[static_cast<std::size_t>(source.label(i))];
  const auto present =
      static_cast<float>(classes - static_cast<std::size_t>(std::ranges::count(counts, std::size_t{0})));
  for (std::size_t c = 0; c < classes; ++c) {
    if (counts[c] > 0) weights[c] = static_cast<float>(source.size()) / (present * static_cast<float>(counts[c]));
  }
  return weights;
}

Trainer::Trainer(const Learner& learner, const BatchSource& training, const BatchSource* validation,
                 const TrainOptions& options, std::filesystem::path checkpoint_folder, const Digest& key,
                 Progress& progress)
    : learner_(learner),
      training_(training),
      validation_(validation),
      options_(options),
      folder_(std::move(checkpoint_folder)),
      key_(key),
      progress_(progress),
      crew_(options.threads),
      loader_(training, options, classes_of(learner, options),
              class_weights(training, classes_of(learner, options), options.class_weights)) {
  install_tensor_cache();
}

std::int64_t Trainer::total_steps() const { return static_cast<std::int64_t>(loader_.plan().steps) * options_.epochs; }

Result<void> Trainer::start() {
  State& state = run_.state;
  if (!folder_.empty()) {
    std::string note;
    MOTE_TRY(std::optional<State> saved, load_state(folder_, key_, note));
    if (saved) state = std::move(*saved);
    run_.resumed = saved.has_value();
    if (!note.empty()) run_.warnings.push_back(note);
  }
  if (!run_.resumed) {
    state.current = {learner_.initial_parameters(), learner_.initial_statistics()};
    if (options_.ema_decay > 0.0) state.averaged = state.current;
    state.first_moment.assign(state.current.parameters.size(), 0.0f);
    if (options_.optimizer == Optimizer::adamw) state.second_moment = state.first_moment;
  }
  if (options_.distillation.teacher) {
    MOTE_TRY(teacher_, Network::create(*options_.distillation.teacher));
    teacher_weights_ = {teacher_->initial_parameters(), teacher_->initial_statistics()};
    teacher_bound_ = teacher_->bind(teacher_weights_.parameters, teacher_weights_.statistics, nullptr);
  }
  const std::size_t count = loader_.plan().shards;
  gradients_.assign(count, std::vector<float>(state.current.parameters.size(), 0.0f));
  for (std::size_t s = 0; s < count; ++s) {
    Shard shard;
    shard.measured = state.current.statistics;
    shard.bound = learner_.bind(state.current.parameters, state.current.statistics, gradients_[s].data());
    shards_.push_back(std::move(shard));
  }
  last_save_ = epoch_start_ = Clock::now();
  return {};
}

Result<TrainingRun> Trainer::run() {
  MOTE_TRY_VOID(start());
  while (!run_.state.finished) MOTE_TRY_VOID(run_epoch());
  return std::move(run_);
}

Result<void> Trainer::run_epoch() {
  epoch_start_ = Clock::now();
  const auto steps = static_cast<std::int64_t>(loader_.plan().steps);
  const std::int64_t end = (run_.state.step / steps + 1) * steps;
  while (run_.state.step < end) {
    if (progress_.cancelled()) {
      if (!folder_.empty()) MOTE_TRY_VOID(save());
      return fail(Code::cancelled, fmt::format("training was stopped in epoch {}", run_.state.step / steps + 1));
    }
    MOTE_TRY_VOID(run_step());
    report();
    if (run_.state.step < end) MOTE_TRY_VOID(save_if_due());
  }
  return finish_epoch();
}

Result<void> Trainer::run_step() {
  State& state = run_.state;
  loader_.advance_to(state.step);
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> done{0};
  MOTE_TRY_VOID(crew_.run([&](std::size_t) -> Result<void> {
    for (std::size_t shard = next++; shard < shards_.size(); shard = next++) {
      Result<void> computed = compute(shard);
      ++done;
      if (!computed) return computed;
    }
    while (done < shards_.size()) {
      MOTE_TRY(const bool loaded, loader_.prefetch_one());
      if (!loaded) break;
    }
    return {};
  }));
  std::vector<std::vector<float>> measured;
  std::vector<std::size_t> samples;
  for (Shard& shard : shards_) {
    measured.push_back(shard.measured);
    samples.push_back(shard.samples);
    state.epoch_loss += shard.loss;
    state.epoch_correct += static_cast<double>(shard.correct);
  }
  const double done_part = static_cast<double>(state.step) / static_cast<double>(total_steps());
  learner_.merge_statistics(state.current.statistics, measured, samples, options_.batch_norm_momentum, done_part);
  const double rate =
      learning_rate(options_, state.step, total_steps(), static_cast<std::int64_t>(loader_.plan().steps));
  apply_gradients(state, gradients_, learner_.parameters(), options_, rate);
  if (!state.averaged.parameters.empty())
    average_weights(state.averaged, state.current, options_.ema_decay, state.step);
  ++state.step;
  return {};
}

Result<void> Trainer::compute(std::size_t index) {
  Shard& shard = shards_[index];
  MOTE_TRY(const ShardBatch batch, loader_.take(index));
  Pass pass;
  pass.training = true;
  pass.logits = true;
  pass.shard_statistics = shard.measured.data();
  pass.seed = mix(mix(mix(options_.seed, kDropoutStream), static_cast<std::uint64_t>(run_.state.step)), index);
  const Tensor outputs = learner_.forward(batch.inputs, shard.bound, pass);
  const Tensor loss = loss_of(outputs, batch);
  const auto steps = static_cast<std::int64_t>(loader_.plan().steps);
  const auto batch_size =
      static_cast<double>(loader_.plan().batch_size(static_cast<std::size_t>(run_.state.step % steps)));
  (loss / batch_size).backward();
  shard.loss = loss.item<double>();
  shard.samples = batch.labels.size();
  shard.correct = options_.loss == Loss::cross_entropy ? count_correct(outputs.contiguous(), batch.labels) : 0;
  return {};
}

Tensor Trainer::loss_of(const Tensor& outputs, const ShardBatch& batch) const {
  if (options_.loss == Loss::reconstruction) return (outputs - batch.inputs).square().mean(-1).sum();
  const Tensor labels_term = -(torch::log_softmax(outputs, -1) * batch.targets).sum();
  if (!teacher_) return labels_term;
  const Distillation& d = options_.distillation;
  Tensor soft;
  {
    const torch::NoGradGuard no_gradients;
    Pass pass;
    pass.logits = true;
    soft = torch::softmax(teacher_->forward(batch.inputs, teacher_bound_, pass) / d.temperature, -1);
  }
  // The square keeps the soft term's gradients of the size they have at temperature 1 (Hinton et al., section 2).
  const Tensor soft_term =
      -(torch::log_softmax(outputs / d.temperature, -1) * soft).sum() * (d.temperature * d.temperature);
  return labels_term * (1.0 - d.weight) + soft_term * d.weight;
}

Result<void> Trainer::finish_epoch() {
  State& state = run_.state;
  Epoch epoch;
  const auto samples = static_cast<double>(loader_.plan().samples);
  const auto steps = static_cast<std::int64_t>(loader_.plan().steps);
  epoch.loss = state.epoch_loss / samples;
  epoch.accuracy = state.epoch_correct / samples;
  epoch.learning_rate = learning_rate(options_, state.step - 1, total_steps(), steps);
  if (validation_ != nullptr) {
    MOTE_TRY(const Evaluation evaluation,
             evaluate_learner(learner_, state.evaluated(), *validation_, options_.loss, crew_));
    epoch.validation_loss = evaluation.loss;
    epoch.validation_accuracy = evaluation.accuracy;
  }
  epoch.seconds = state.epoch_seconds + seconds_since(epoch_start_);
  state.epoch_loss = state.epoch_correct = state.epoch_seconds = 0.0;
  state.curves.push_back(epoch);
  stop_if_stale(epoch);
  if (state.step >= total_steps()) state.finished = true;
  epoch_start_ = Clock::now();
  std::string text = fmt::format("epoch {}/{}: loss {:.4f}, accuracy {:.2f} %", state.curves.size(), options_.epochs,
                                 epoch.loss, 100.0 * epoch.accuracy);
  if (validation_ != nullptr) {
    text += fmt::format(", validation loss {:.4f}, accuracy {:.2f} %", epoch.validation_loss,
                        100.0 * epoch.validation_accuracy);
  }
  progress_.note(text + fmt::format(", {:.1f} s", epoch.seconds));
  return folder_.empty() ? Result<void>{} : save();
}

void Trainer::stop_if_stale(const Epoch& epoch) {
  State& state = run_.state;
  if (options_.early_stopping == 0 || validation_ == nullptr) return;
  if (state.best.parameters.empty() || epoch.validation_loss < state.best_loss) {
    state.best = state.evaluated();
    state.best_loss = epoch.validation_loss;
    state.stale_epochs = 0;
    return;
  }
  if (++state.stale_epochs >= options_.early_stopping) state.finished = state.stopped_early = true;
}

Result<void> Trainer::save_if_due() {
  if (folder_.empty() || Clock::now() - last_save_ < options_.checkpoint_interval) return {};
  return save();
}

Result<void> Trainer::save() {
  State& state = run_.state;
  state.epoch_seconds += seconds_since(epoch_start_);
  epoch_start_ = last_save_ = Clock::now();
  return save_state(folder_, key_, state);
}

void Trainer::report() {
  const auto now = Clock::now();
  const State& state = run_.state;
  if (now - last_report_ < kReportEvery && state.step < total_steps()) return;
  last_report_ = now;
  const auto steps = static_cast<std::int64_t>(loader_.plan().steps);
  const std::int64_t in_epoch = (state.step - 1) % steps + 1;
  const auto samples = static_cast<double>(loader_.plan().begin(static_cast<std::size_t>(in_epoch)));
  progress_.step("training", static_cast<std::uint64_t>(state.step), static_cast<std::uint64_t>(total_steps()),
                 fmt::format("epoch {}/{}, loss {:.4f}, accuracy {:.1f} %", (state.step - 1) / steps + 1,
                             options_.epochs, state.epoch_loss / samples, 100.0 * state.epoch_correct / samples));
}

}  // namespace mote::train
