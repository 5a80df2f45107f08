#include "graph_drawing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "text_table.hpp"

namespace mote::app {
namespace {

constexpr int kWidth = 420, kHeight = 46, kGap = 22, kMargin = 24, kLane = 14;

std::string escaped(std::string_view raw) {
  std::string out;
  for (const char c : raw) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

std::string short_name(const std::string& name) {
  return name.size() <= 40 ? name : "..." + name.substr(name.size() - 37);
}

/// A row of the picture: an input, an operator, or an output.
struct Row {
  std::string title, detail, fill;
};

/// A value that flows from one row to another.
struct Line {
  std::size_t from, to;
};

class Drawing {
 public:
  explicit Drawing(const graph::Graph& graph) : graph_(graph) {
    for (const graph::TensorId id : graph.inputs()) {
      row_of_[id] = rows_.size();
      rows_.push_back({"input " + short_name(graph.tensor(id).name), tensor_text(id), "#e8e8e8"});
    }
    std::uint64_t most = 1;
    for (const graph::Op& op : graph.ops()) most = std::max(most, graph::macs(graph, op));
    for (const graph::Op& op : graph.ops()) add(op, most);
    for (const graph::TensorId id : graph.outputs()) {
      connect(id, rows_.size());
      rows_.push_back({"output " + short_name(graph.tensor(id).name), tensor_text(id), "#e8e8e8"});
    }
  }

  std::string svg() {
    assign_lanes();
    const int width = 2 * kMargin + kWidth + kLane * static_cast<int>(lanes_ + 1);
    const int height = 2 * kMargin + static_cast<int>(rows_.size()) * (kHeight + kGap) - kGap;
    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n"
        "<title>{2}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        width, height, escaped(graph_.name()));
    for (std::size_t i = 0; i < lines_.size(); ++i) out += line_text(i);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      out += fmt::format(
          "<g><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\" fill=\"{}\" stroke=\"#555\"/>"
          "<text x=\"{}\" y=\"{}\" font-weight=\"bold\">{}</text><text x=\"{}\" y=\"{}\" fill=\"#333\">{}</text></g>\n",
          kMargin, top(i), kWidth, kHeight, rows_[i].fill, kMargin + 10, top(i) + 19, escaped(rows_[i].title),
          kMargin + 10, top(i) + 36, escaped(rows_[i].detail));
    }
    return out + "</svg>\n";
  }

 private:
  [[nodiscard]] static int top(std::size_t row) { return kMargin + static_cast<int>(row) * (kHeight + kGap); }
  [[nodiscard]] std::string tensor_text(graph::TensorId id) const {
    const graph::Tensor& t = graph_.tensor(id);
    return fmt::format("{} {}", graph::name(t.dtype), t.shape.text());
  }

  void connect(graph::TensorId id, std::size_t to) {
    const auto from = row_of_.find(id);
    if (from != row_of_.end()) lines_.push_back({from->second, to});
  }

  void add(const graph::Op& op, std::uint64_t most) {
    std::size_t constants = 0;
    for (const graph::TensorId id : op.inputs) {
      if (id == graph::kNoTensor) continue;
      if (graph_.tensor(id).is_constant())
        constants += graph_.tensor(id).size_bytes();
      else
        connect(id, rows_.size());
    }
    const std::uint64_t macs = graph::macs(graph_, op);
    // From white to a light orange by the square root: small layers stay visible beside the largest.
    const double share = std::sqrt(static_cast<double>(macs) / static_cast<double>(most));
    const auto mix = [&](int full) { return static_cast<int>(std::lround(255.0 - share * (255 - full))); };
    std::string detail = tensor_text(op.outputs[0]);
    if (macs > 0) detail += fmt::format(", {} MACs", macs);
    if (constants > 0) detail += ", " + byte_text(constants);
    row_of_[op.outputs[0]] = rows_.size();
    rows_.push_back({std::string(graph::op_name(op.attributes)) + "  " + short_name(op.name), std::move(detail),
                     fmt::format("#{:02x}{:02x}{:02x}", mix(255), mix(190), mix(110))});
  }

  /// Lines that skip rows run beside the boxes, each in a lane that is free over its whole length.
  void assign_lanes() {
    std::vector<std::size_t> free_from;  // of each lane: the first row that it may begin at
    lane_of_.assign(lines_.size(), 0);
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].to == lines_[i].from + 1) continue;
      std::size_t lane = 0;
      while (lane < free_from.size() && free_from[lane] > lines_[i].from) ++lane;
      if (lane == free_from.size()) free_from.push_back(0);
      free_from[lane] = lines_[i].to;
      lane_of_[i] = lane + 1;
    }
    lanes_ = free_from.size();
  }

  [[nodiscard]] std::string line_text(std::size_t i) const {
    const Line& line = lines_[i];
    const int from = top(line.from) + kHeight, to = top(line.to), middle = kMargin + kWidth / 2;
    const std::string style = "fill=\"none\" stroke=\"#777\" stroke-width=\"1.5\"";
    if (lane_of_[i] == 0) return fmt::format("<path d=\"M{0} {1}V{2}\" {3}/>\n", middle, from, to, style);
    const int right = kMargin + kWidth, x = right + kLane * static_cast<int>(lane_of_[i]),
              out = top(line.from) + kHeight / 2, in = top(line.to) + kHeight / 2;
    return fmt::format("<path d=\"M{0} {1}H{2}V{3}H{0}\" {4}/>\n", right, out, x, in, style);
  }

  const graph::Graph& graph_;
  std::vector<Row> rows_;
  std::vector<Line> lines_;
  std::map<graph::TensorId, std::size_t> row_of_;
  std::vector<std::size_t> lane_of_;
  std::size_t lanes_ = 0;
};

}  // namespace

std::string graph_svg(const graph::Graph& graph) { return Drawing(graph).svg(); }

}  // namespace mote::app
