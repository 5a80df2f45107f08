#pragma once
// Finds parts of a report that contradict themselves, and takes them out, so that the sections can trust what they get.

#include <string>
#include <vector>

#include "mote/report/report_data.hpp"

namespace mote::report {

struct Checked {
  ReportData data;                    ///< without the parts that contradict themselves
  std::vector<std::string> problems;  ///< what was taken out, and why
};

[[nodiscard]] Checked check(ReportData data);

}  // namespace mote::report
