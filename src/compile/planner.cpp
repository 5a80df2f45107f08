#include "mote/compile/planner.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "mote/base/rng.hpp"

namespace mote::compile {
namespace {

bool overlap(const Buffer& a, const Buffer& b) { return a.first <= b.last && b.first <= a.last; }

std::size_t align_up(std::size_t value, std::size_t align) { return (value + align - 1) & ~(align - 1); }

/// How far `above` must lie above `below`, at least, when it is not to lie below it.
std::ptrdiff_t clearance(std::span<const Buffer> buffers, std::size_t below, std::size_t above) {
  const auto bytes = static_cast<std::ptrdiff_t>(buffers[below].bytes);
  const auto& trails = buffers[below].trails;
  if (trails && trails->buffer == above) return std::min(bytes, trails->distance);
  return bytes;
}

/// Lowest offset at which buffer `index` collides with none of those placed already.
std::size_t lowest_fit(std::span<const Buffer> buffers, std::span<const std::size_t> placed,
                       const std::vector<std::size_t>& offsets, std::size_t index) {
  struct Forbidden {
    std::ptrdiff_t low, high;  // offsets between, both excluded
  };
  std::vector<Forbidden> forbidden;
  for (const std::size_t p : placed) {
    if (!overlap(buffers[p], buffers[index])) continue;
    const auto at = static_cast<std::ptrdiff_t>(offsets[p]);
    forbidden.push_back({at - clearance(buffers, index, p), at + clearance(buffers, p, index)});
  }
  std::ranges::sort(forbidden, {}, &Forbidden::low);
  std::size_t offset = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (const Forbidden& f : forbidden) {
      const auto here = static_cast<std::ptrdiff_t>(offset);
      if (here <= f.low || here >= f.high) continue;
      offset = align_up(static_cast<std::size_t>(f.high), buffers[index].align);
      moved = true;
    }
  }
  return offset;
}

struct Placement {
  std::vector<std::size_t> offsets;
  std::size_t bytes = 0;
};

Placement place_in_order(std::span<const Buffer> buffers, std::span<const std::size_t> order) {
  Placement placement{std::vector<std::size_t>(buffers.size(), 0), 0};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t index = order[i];
    placement.offsets[index] = lowest_fit(buffers, order.first(i), placement.offsets, index);
    placement.bytes = std::max(placement.bytes, placement.offsets[index] + buffers[index].bytes);
  }
  return placement;
}

/// Moves single buffers to other places of the order and keeps what is no worse.
void improve(std::span<const Buffer> buffers, std::vector<std::size_t> order, std::size_t rounds,
             std::size_t lower_bound, Placement& best) {
  Rng rng(order.size());
  for (std::size_t round = 0; round < rounds && order.size() > 1 && best.bytes > lower_bound; ++round) {
    std::vector<std::size_t> candidate = order;
    const auto from = candidate.begin() + static_cast<std::ptrdiff_t>(rng.below(candidate.size()));
    const std::size_t moved = *from;
    candidate.erase(from);
    candidate.insert(candidate.begin() + static_cast<std::ptrdiff_t>(rng.below(order.size())), moved);
    Placement placed = place_in_order(buffers, candidate);
    if (placed.bytes > best.bytes) continue;
    best = std::move(placed);
    order = std::move(candidate);
  }
}

/// Tries all orders depth first, cutting branches that are no better than the best so far.
class ExactSearch {
 public:
  ExactSearch(std::span<const Buffer> buffers, Placement best, std::size_t lower_bound)
      : buffers_(buffers),
        best_(std::move(best)),
        lower_bound_(lower_bound),
        offsets_(buffers.size(), 0),
        used_(buffers.size(), false) {}

  Placement run() {
    descend(0);
    return std::move(best_);
  }

 private:
  void descend(std::size_t bytes) {
    if (best_.bytes == lower_bound_ || bytes >= best_.bytes) return;
    if (order_.size() == buffers_.size()) {
      best_ = {offsets_, bytes};
      return;
    }
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      if (used_[i]) continue;
      offsets_[i] = lowest_fit(buffers_, order_, offsets_, i);
      used_[i] = true;
      order_.push_back(i);
      descend(std::max(bytes, offsets_[i] + buffers_[i].bytes));
      order_.pop_back();
      used_[i] = false;
    }
  }

  std::span<const Buffer> buffers_;
  Placement best_;
  std::size_t lower_bound_;
  std::vector<std::size_t> offsets_;
  std::vector<bool> used_;
  std::vector<std::size_t> order_;
};

/// Bytes that a buffer and the one it trails have in common in the best case.
std::size_t shared_bytes(std::span<const Buffer> buffers, const Buffer& b) {
  const Buffer& other = buffers[b.trails->buffer];
  const auto own = static_cast<std::ptrdiff_t>(b.bytes), its = static_cast<std::ptrdiff_t>(other.bytes);
  const std::ptrdiff_t apart = std::clamp<std::ptrdiff_t>(b.trails->distance, 0, own);
  return static_cast<std::size_t>(own + its - std::max(own, apart + its));
}

void find_peak(std::span<const Buffer> buffers, ArenaPlan& plan) {
  std::size_t steps = 0;
  for (const Buffer& b : buffers) steps = std::max(steps, b.last + 1);
  for (std::size_t step = 0; step < steps; ++step) {
    std::size_t live = 0;
    for (const Buffer& b : buffers) {
      if (step < b.first || step > b.last) continue;
      live += b.bytes;
      if (b.trails && b.first == step) live -= shared_bytes(buffers, b);
    }
    plan.live_bytes.push_back(live);
    if (live > plan.peak_live_bytes) {
      plan.peak_live_bytes = live;
      plan.peak_step = step;
    }
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    if (buffers[i].first <= plan.peak_step && plan.peak_step <= buffers[i].last) plan.peak_buffers.push_back(i);
  }
  std::ranges::sort(plan.peak_buffers, std::greater{}, [&](std::size_t i) { return buffers[i].bytes; });
}

}  // namespace

Result<ArenaPlan> plan_arena(std::span<const Buffer> buffers, const PlanEffort& effort) {
  for (const Buffer& b : buffers) {
    if (b.first > b.last) return fail(Code::invalid_argument, "buffer '" + b.name + "' ends before it begins");
    if (!std::has_single_bit(b.align))
      return fail(Code::invalid_argument, "buffer '" + b.name + "' has an alignment that is not a power of two");
  }
  for (const Buffer& b : buffers) {
    if (b.trails && (b.trails->buffer >= buffers.size() || buffers[b.trails->buffer].last != b.first)) {
      return fail(Code::invalid_argument, "buffer '" + b.name + "' trails one that does not end where it begins");
    }
  }
  ArenaPlan plan;
  find_peak(buffers, plan);
  std::vector<std::size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto length = [&](std::size_t i) { return buffers[i].last - buffers[i].first + 1; };
  const auto attempt = [&](auto&& before) {
    std::ranges::stable_sort(order, before);
    return place_in_order(buffers, order);
  };
  std::vector<std::size_t> best_order;
  Placement best = attempt([&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  best_order = order;
  const auto keep_better = [&](Placement candidate) {
    if (candidate.bytes >= best.bytes) return;
    best = std::move(candidate);
    best_order = order;
  };
  keep_better(attempt(
      [&](std::size_t a, std::size_t b) { return buffers[a].bytes * length(a) > buffers[b].bytes * length(b); }));
  keep_better(attempt([&](std::size_t a, std::size_t b) { return buffers[a].first < buffers[b].first; }));
  keep_better(attempt([&](std::size_t a, std::size_t b) { return length(a) > length(b); }));
  // Outputs before the inputs they trail: the input then finds its place close above.
  keep_better(attempt([&](std::size_t a, std::size_t b) { return buffers[a].first > buffers[b].first; }));
  keep_better(attempt([&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; }));
  keep_better(attempt(
      [&](std::size_t a, std::size_t b) { return buffers[a].bytes * length(a) > buffers[b].bytes * length(b); }));
  // What lives for a single step (scratch) after all else: it finds its place beside chains of trailing buffers, which
  // would not find theirs around it.
  const auto scratch = [&](std::size_t i) { return length(i) == 1; };
  keep_better(attempt([&](std::size_t a, std::size_t b) {
    return scratch(a) != scratch(b) ? scratch(b) : buffers[a].bytes > buffers[b].bytes;
  }));
  keep_better(attempt([&](std::size_t a, std::size_t b) {
    return scratch(a) != scratch(b) ? scratch(b) : buffers[a].first > buffers[b].first;
  }));
  improve(buffers, std::move(best_order), effort.rounds, plan.peak_live_bytes, best);
  if (buffers.size() <= effort.exact_limit && best.bytes > plan.peak_live_bytes)
    best = ExactSearch(buffers, std::move(best), plan.peak_live_bytes).run();
  plan.offsets = std::move(best.offsets);
  plan.arena_bytes = best.bytes;
  return plan;
}

}  // namespace mote::compile
