#pragma once
// From ReportData to a page a person reads, and to text that is kept. The page is one file: no network, no fonts or
// scripts from elsewhere, readable without JavaScript, on paper, on a phone, in the dark and by a screen reader.

#include <string>
#include <string_view>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/report/report_data.hpp"

namespace mote::report {

/// True when the value is known and within the limit (the limit itself is allowed).
[[nodiscard]] bool is_met(const Budget& budget);

/// What in `data` contradicts itself: a confusion matrix that is not classes x classes, a tensor outside of the arena,
/// a label without a class. One sentence each; empty when all is well.
[[nodiscard]] std::vector<std::string> problems(const ReportData& data);

/// The whole page. Deterministic: equal data gives equal bytes, in every locale and time zone. Never fails: parts that
/// contradict themselves (see `problems`) are left out and the page says so; all text is escaped, wherever it came
/// from. Under 400 KB for a typical project; thumbnails are most of that.
[[nodiscard]] std::string render_html(const ReportData& data);

/// All of `data` as one line of JSON, to render again later. Figures that are not finite become null; bytes that are
/// not UTF-8 become U+FFFD.
[[nodiscard]] std::string to_json(const ReportData& data);

/// Reads what `to_json` wrote. The text is untrusted. Absent keys keep their defaults and unknown keys are ignored, so
/// that older and newer files of one version can be read.
/// @error malformed    not JSON, or a value of the wrong type (the message has its path), or data with `problems`.
/// @error unsupported  a newer version of the format.
[[nodiscard]] Result<ReportData> from_json(std::string_view text);

}  // namespace mote::report
