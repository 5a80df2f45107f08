#include "strokes.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace mote::data {
namespace {

using Json = nlohmann::json;

/// Finite as a float, else NaN.
float coordinate(const Json& point, const char* axis) {
  const auto found = point.find(axis);
  if (found == point.end() || !found->is_number()) return std::nanf("");
  const auto value = static_cast<float>(found->get<double>());
  return std::isfinite(value) ? value : std::nanf("");
}

/// Empty when the stroke is fine, else the reason it is refused.
std::string read_stroke(const Json& json, Stroke& stroke) {
  if (!json.is_object()) return "is not an object";
  const auto label = json.find("label");
  if (label == json.end()) return "has no \"label\"";
  if (label->is_number_integer()) {
    stroke.label = label->dump();
  } else if (label->is_string()) {
    stroke.label = label->get<std::string>();
  } else {
    return "\"label\" is neither a string nor an integer";
  }
  const auto points = json.find("strokePoints");
  if (points == json.end() || !points->is_array()) return "has no array \"strokePoints\"";
  if (points->empty()) return "\"strokePoints\" is empty";
  if (points->size() > kMaxStrokePoints) {
    return "has " + std::to_string(points->size()) + " points, at most " + std::to_string(kMaxStrokePoints) +
           " are taken";
  }
  stroke.points.reserve(points->size() * 2);
  for (std::size_t k = 0; k < points->size(); ++k) {
    const Json& point = (*points)[k];
    const std::string place = "strokePoints[" + std::to_string(k) + "]";
    if (!point.is_object()) return place + " is not an object with \"x\" and \"y\"";
    for (const char* axis : {"x", "y"}) {
      stroke.points.push_back(coordinate(point, axis));
      if (std::isnan(stroke.points.back())) return place + "." + axis + " is missing or not a finite number";
    }
  }
  return {};
}

Result<StrokesFile> read_strokes(ByteSpan text) {
  const Json json = Json::parse(text.begin(), text.end());
  if (!json.is_object()) return fail(Code::malformed, "byte 0: an object with an array \"strokes\" is expected");
  const auto list = json.find("strokes");
  if (list == json.end() || !list->is_array()) return fail(Code::malformed, "byte 0: there is no array \"strokes\"");
  StrokesFile file;
  for (std::size_t k = 0; k < list->size(); ++k) {
    Stroke stroke;
    stroke.position = k;
    if (std::string reason = read_stroke((*list)[k], stroke); !reason.empty()) {
      file.refused.push_back({k, std::move(reason)});
    } else {
      file.strokes.push_back(std::move(stroke));
    }
  }
  return file;
}

}  // namespace

Result<StrokesFile> parse_strokes(ByteSpan json) {
  try {
    return read_strokes(json);
  } catch (const Json::parse_error& error) {
    // Its byte counts from 1 and points behind the character it stumbled over.
    return fail(Code::malformed, "byte " + std::to_string(error.byte > 0 ? error.byte - 1 : 0) + ": not valid JSON");
  } catch (const Json::exception& error) {
    return fail(Code::malformed, std::string("byte 0: unusable JSON (") + error.what() + ")");
  }
}

}  // namespace mote::data
