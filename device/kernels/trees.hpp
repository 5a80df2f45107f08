#pragma once
// Ensembles of decision trees over float features. Needs no FPU to walk: a feature becomes the number of thresholds
// below it, once, and every node compares small whole numbers. Sums of leaves are float additions in the order of the
// trees. Node links are relative, so tables lie in flash at any address.

#include <cstdint>

#include "kernels/float_bits.hpp"

namespace mote::device {

constexpr std::int32_t kTreesSum = 0, kTreesAverage = 1, kTreesSmallest = 2, kTreesLargest = 3;

struct TreesGeometry {
  std::int32_t trees, targets;
  std::int32_t window;  // targets that the leaves of one tree add to, neighbours
  std::int32_t slots;
  std::int32_t aggregate;
};

/// Tables of an ensemble; Word is std::uint16_t or std::uint32_t.
///
/// Slot: a feature, what becomes of NaN, and a sorted list of thresholds. rank = how many of them are below the
/// feature. Node: a word of slot (upper half without the top bit) and threshold's index i (lower half), then a word of
/// distance.
///       rank <= i: the next node follows at once, else it stands `distance` words on.
/// Leaf: a word with the top bit set and the index of a vector of `window` floats.
template <class Word>
struct TreesTables {
  const std::uint32_t* slots;  // two words a slot: 2 * feature + (NaN is above all thresholds), number of thresholds
  const std::int32_t* thresholds;  // float_order() of each, slot after slot, ascending
  const Word* nodes;
  const std::uint32_t* roots;   // first word of each tree
  const std::uint16_t* firsts;  // first target of each tree's window; null where the window is all targets
  const std::uint32_t* leaves;  // bits of floats
  const std::uint32_t* bases;   // bits of floats, added to each target last; null: none
};

/// Index of a threshold, and rank of a feature.
template <class Word>
struct TreesRank {
  using Type = std::uint16_t;
  using SignedWord = std::int32_t;
};
template <>
struct TreesRank<std::uint16_t> {
  using Type = std::uint8_t;
  using SignedWord = std::int16_t;
};

namespace detail {

/// How many of `count` ascending thresholds are below `order`.
inline std::uint32_t thresholds_below(const std::int32_t* thresholds, std::uint32_t count, std::int32_t order) {
  const std::int32_t* from = thresholds;
  while (count > 0) {
    const std::uint32_t half = count >> 1;
    if (from[half] < order) {
      from += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return static_cast<std::uint32_t>(from - thresholds);
}

template <class Word>
void rank_features(std::int32_t slots, const TreesTables<Word>& t, const std::uint32_t* x,
                   typename TreesRank<Word>::Type* ranks) {
  const std::int32_t* thresholds = t.thresholds;
  for (std::int32_t s = 0; s < slots; ++s) {
    const std::uint32_t what = t.slots[2 * s], count = t.slots[2 * s + 1], bits = x[what >> 1];
    const std::uint32_t rank =
        is_nan(bits) ? ((what & 1) != 0 ? count : 0) : thresholds_below(thresholds, count, float_order(bits));
    ranks[s] = static_cast<typename TreesRank<Word>::Type>(rank);
    thresholds += count;
  }
}

/// The vector of the leaf that a walk from `node` ends at.
template <class Word>
std::uint32_t walk(const Word* node, const typename TreesRank<Word>::Type* ranks) {
  constexpr unsigned kBits = 8 * sizeof(Word), kHalf = kBits / 2;
  constexpr std::uint32_t kLeaf = std::uint32_t{1} << (kBits - 1);
  constexpr std::int32_t kIndex = static_cast<std::int32_t>((std::uint32_t{1} << kHalf) - 1);
  // The top bit as a sign: one load serves the question whether this is a leaf and what follows.
  using Signed = typename TreesRank<Word>::SignedWord;
  std::int32_t word = static_cast<Signed>(node[0]);
  while (word >= 0) {
    const std::uint32_t distance = node[1];
    node += ranks[word >> kHalf] <= (word & kIndex) ? 2 : distance;
    word = static_cast<Signed>(node[0]);
  }
  return static_cast<std::uint32_t>(word) & (kLeaf - 1);
}

}  // namespace detail

/// @param x      bits of floats, the features.
/// @param y      [targets].
/// @param ranks  scratch: a TreesRank a slot.
/// Source: ONNX ai.onnx.ml TreeEnsembleClassifier and TreeEnsembleRegressor; sums in ONNX Runtime's order.
template <class Geometry, class Word>
void tree_ensemble(const Geometry& g, const TreesTables<Word>& t, const std::uint32_t* x, float* y, void* scratch) {
  auto* const ranks = static_cast<typename TreesRank<Word>::Type*>(scratch);
  detail::rank_features(g.slots, t, x, ranks);
  // The bits of 0, of infinity and of its negative: what no leaf has given yet.
  const std::uint32_t first = g.aggregate == kTreesSmallest  ? 0x7f800000u
                              : g.aggregate == kTreesLargest ? 0xff800000u
                                                             : 0u;
  for (std::int32_t i = 0; i < g.targets; ++i) y[i] = float_of(first);
  for (std::int32_t tree = 0; tree < g.trees; ++tree) {
    const std::uint32_t* leaf =
        t.leaves + detail::walk(t.nodes + t.roots[tree], ranks) * static_cast<std::uint32_t>(g.window);
    float* const to = t.firsts == nullptr ? y : y + t.firsts[tree];
    for (std::int32_t i = 0; i < g.window; ++i) {
      const float v = float_of(leaf[i]);
      if (g.aggregate == kTreesSmallest)
        to[i] = v < to[i] ? v : to[i];
      else if (g.aggregate == kTreesLargest)
        to[i] = v > to[i] ? v : to[i];
      else
        to[i] += v;
    }
  }
  for (std::int32_t i = 0; i < g.targets; ++i) {
    if (g.aggregate == kTreesAverage) y[i] = divided(y[i], static_cast<float>(g.trees));
    if (first != 0 && bits_of(y[i]) == first) y[i] = 0.0f;  // no leaf gave any
    if (t.bases != nullptr) y[i] += float_of(t.bases[i]);
  }
}

}  // namespace mote::device
