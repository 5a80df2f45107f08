#pragma once
// The sections of the page, one a file. Each gets data without contradictions (see problems()) and returns an empty
// body when it has nothing to show.

#include <string>

#include "markup.hpp"
#include "mote/report/report_data.hpp"

namespace mote::report {

struct Section {
  std::string id;  ///< anchor within the page
  std::string title;
  std::string lead;  ///< what the section says, in a sentence or two
  Markup body;
};

/// Name, verdict, headline figures, budgets, lineage. Always present.
[[nodiscard]] Markup page_header(const ReportData& data);

[[nodiscard]] Section data_section(const ReportData& data);
[[nodiscard]] Section training_section(const ReportData& data);
[[nodiscard]] Section evaluation_section(const ReportData& data);
[[nodiscard]] Section arena_section(const ReportData& data);
[[nodiscard]] Section layers_section(const ReportData& data);
[[nodiscard]] Section footprint_section(const ReportData& data);
[[nodiscard]] Section provenance_section(const ReportData& data);

/// True when Provenance::estimates names the figure.
[[nodiscard]] bool is_estimated(const ReportData& data, const std::string& figure);

}  // namespace mote::report
