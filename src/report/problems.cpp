#include "problems.hpp"

#include <algorithm>

#include "figures.hpp"
#include "mote/report/report.hpp"

namespace mote::report {
namespace {

constexpr std::size_t kClassLimit = 4096;
constexpr std::size_t kOpLimit = 65536;
constexpr std::uint64_t kCountLimit = std::uint64_t{1}
                                      << 40;  // of anything counted: sums of thousands stay far from overflow
constexpr std::uint32_t kSideLimit = 16384;   // pixels

using Problems = std::vector<std::string>;

bool is_drawable(const Picture& picture) {
  const auto* image = std::get_if<GrayImage>(&picture);
  if (!image) return true;
  const bool sized =
      image->width >= 1 && image->height >= 1 && image->width <= kSideLimit && image->height <= kSideLimit;
  return sized && image->pixels.size() == std::size_t{image->width} * image->height;
}

bool all_plausible(const std::vector<std::uint64_t>& counts) {
  return std::all_of(counts.begin(), counts.end(), [](std::uint64_t n) { return n <= kCountLimit; });
}

void check_splits(ReportData& data, Problems& problems) {
  std::erase_if(data.data.splits, [&](const Split& split) {
    const bool good = split.class_counts.size() == data.classes.size() && all_plausible(split.class_counts);
    if (!good) {
      problems.push_back("split " + split.name + " has counts of " +
                         plural(split.class_counts.size(), "class", "classes") + ", the report has " +
                         grouped(data.classes.size()) + ", or a count is not plausible");
    }
    return !good;
  });
}

void check_pictures(ReportData& data, Problems& problems) {
  const std::size_t classes = data.classes.size();
  const std::size_t samples =
      std::erase_if(data.data.samples, [&](const Sample& s) { return s.label >= classes || !is_drawable(s.picture); });
  const std::size_t mistakes = std::erase_if(data.evaluation.worst, [&](const Misclassified& m) {
    return m.truth >= classes || m.predicted >= classes || !is_drawable(m.picture);
  });
  const auto complain = [&](std::size_t count, const char* one, const char* many) {
    if (count > 0)
      problems.push_back(plural(count, one, many) +
                         " without a class, or with pixels that do not match width and height");
  };
  complain(samples, "sample", "samples");
  complain(mistakes, "misclassified example", "misclassified examples");
}

void check_confusion(std::vector<std::uint64_t>& counts, const char* name, std::size_t classes, Problems& problems) {
  if (counts.empty() || (counts.size() == classes * classes && all_plausible(counts))) return;
  problems.push_back(std::string("the confusion matrix of the ") + name + " model has " +
                     plural(counts.size(), "cell", "cells") + " for " + plural(classes, "class", "classes") +
                     ", or a count is not plausible");
  counts.clear();
}

void check_arena(ArenaMap& arena, Problems& problems) {
  if (arena.ops.size() > kOpLimit || arena.arena_bytes > kCountLimit) {
    problems.push_back("the arena has " + plural(arena.ops.size(), "op", "ops") + " and " + grouped(arena.arena_bytes) +
                       " bytes, which is not plausible");
    arena = {};
    return;
  }
  std::erase_if(arena.tensors, [&](const ArenaTensor& t) {
    const bool inside = t.offset_bytes <= arena.arena_bytes && t.size_bytes <= arena.arena_bytes - t.offset_bytes;
    const bool ordered = t.first_op <= t.last_op && t.last_op < arena.ops.size();
    if (!inside || !ordered) problems.push_back("tensor " + t.name + " is outside of the arena or of the list of ops");
    return !inside || !ordered;
  });
}

void check_costs(ReportData& data, Problems& problems) {
  const auto implausible = [](const LayerCost& layer) { return layer.macs > kCountLimit; };
  if (std::any_of(data.profile.layers.begin(), data.profile.layers.end(), implausible) ||
      (data.profile.features && implausible(*data.profile.features))) {
    problems.push_back("a layer has more multiply-accumulates than is plausible");
    data.profile = {};
  }
  for (auto* parts : {&data.footprint.flash, &data.footprint.ram}) {
    const auto removed = std::erase_if(*parts, [](const MemoryPart& part) { return part.bytes > kCountLimit; });
    if (removed > 0)
      problems.push_back(plural(removed, "part", "parts") + " of the memory has a size that is not plausible");
  }
}

}  // namespace

Checked check(ReportData data) {
  Problems problems;
  if (data.classes.size() > kClassLimit) {
    problems.push_back("the report has " + plural(data.classes.size(), "class", "classes") + ", at most " +
                       grouped(kClassLimit) + " can be shown");
    data.classes.clear();
  }
  check_splits(data, problems);
  check_pictures(data, problems);
  check_confusion(data.evaluation.confusion_int8, "int8", data.classes.size(), problems);
  check_confusion(data.evaluation.confusion_float, "float", data.classes.size(), problems);
  check_arena(data.arena, problems);
  check_costs(data, problems);
  return {std::move(data), std::move(problems)};
}

std::vector<std::string> problems(const ReportData& data) { return check(data).problems; }

bool is_met(const Budget& budget) {
  if (!is_known(budget.value)) return false;
  return budget.bound == Bound::at_most ? *budget.value <= budget.limit : *budget.value >= budget.limit;
}

}  // namespace mote::report
