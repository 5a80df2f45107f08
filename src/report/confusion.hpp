#pragma once
// Figures of a confusion matrix.

#include <cstdint>
#include <string>
#include <vector>

#include "markup.hpp"
#include "mote/report/report_data.hpp"

namespace mote::report {

/// Borrows the counts, row-major [truth][predicted], classes x classes.
class Confusion {
 public:
  Confusion(const std::vector<std::uint64_t>& counts, std::size_t classes) : counts_(counts), classes_(classes) {}

  [[nodiscard]] std::size_t classes() const { return classes_; }
  [[nodiscard]] std::uint64_t at(std::size_t truth, std::size_t predicted) const {
    return counts_[truth * classes_ + predicted];
  }
  [[nodiscard]] std::uint64_t support(std::size_t truth) const;
  [[nodiscard]] std::uint64_t predictions(std::size_t predicted) const;
  [[nodiscard]] std::uint64_t total() const;
  [[nodiscard]] std::uint64_t correct() const;
  [[nodiscard]] Figure accuracy() const;
  /// Share of the truth's samples that were given this answer; unknown for a class without samples.
  [[nodiscard]] Figure share(std::size_t truth, std::size_t predicted) const;
  [[nodiscard]] Figure recall(std::size_t label) const { return share(label, label); }
  [[nodiscard]] Figure precision(std::size_t label) const;
  /// Harmonic mean of precision and recall; unknown when the class is neither in the truth nor in the answers.
  [[nodiscard]] Figure f1(std::size_t label) const;

 private:
  const std::vector<std::uint64_t>& counts_;
  std::size_t classes_;
};

/// The matrix as a heat map: a table with numbers for a few classes, a drawing for many.
[[nodiscard]] Markup heat_map(const Confusion& matrix, const std::vector<std::string>& names);

}  // namespace mote::report
