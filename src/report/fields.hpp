#pragma once
// The keys of a stored report: each struct is described once, and both reading and writing walk the same description.
// `visit(archive, value)` calls archive("key", value.member) for every member.

#include <concepts>
#include <string_view>
#include <type_traits>

#include "mote/report/report_data.hpp"

namespace mote::report {

template <class V, class T>
concept Of = std::same_as<std::remove_cvref_t<V>, T>;

// Names of enumerators. The switch has no default, so that the compiler reports one that is forgotten.
constexpr std::string_view name_of(Unit unit) {
  switch (unit) {
    case Unit::count:
      return "count";
    case Unit::bytes:
      return "bytes";
    case Unit::milliseconds:
      return "milliseconds";
    case Unit::microjoules:
      return "microjoules";
    case Unit::fraction:
      return "fraction";
  }
  return {};
}
constexpr std::string_view name_of(Bound bound) {
  switch (bound) {
    case Bound::at_most:
      return "at_most";
    case Bound::at_least:
      return "at_least";
  }
  return {};
}
constexpr std::string_view name_of(TensorRole role) {
  switch (role) {
    case TensorRole::input:
      return "input";
    case TensorRole::activation:
      return "activation";
    case TensorRole::scratch:
      return "scratch";
    case TensorRole::output:
      return "output";
  }
  return {};
}

void visit(auto& a, Of<Budget> auto& v) {
  a("name", v.name);
  a("unit", v.unit);
  a("bound", v.bound);
  a("limit", v.limit);
  a("value", v.value);
  a("estimated", v.estimated);
}
void visit(auto& a, Of<LineageStep> auto& v) {
  a("stage", v.stage);
  a("id", v.id);
  a("detail", v.detail);
}
void visit(auto& a, Of<Board> auto& v) {
  a("name", v.name);
  a("description", v.description);
  a("clock_hz", v.clock_hz);
}
void visit(auto& a, Of<Headline> auto& v) {
  a("metric", v.metric);
  a("result_float", v.result_float);
  a("result_int8", v.result_int8);
  a("result_board", v.result_board);
  a("test_samples", v.test_samples);
  a("latency_ms", v.latency_ms);
  a("energy_uj", v.energy_uj);
  a("flash_bytes", v.flash_bytes);
  a("ram_bytes", v.ram_bytes);
}
void visit(auto& a, Of<Waveform> auto& v) { a("channels", v.channels); }
void visit(auto& a, Of<Point> auto& v) {
  a("x", v.x);
  a("y", v.y);
}
void visit(auto& a, Of<Strokes> auto& v) { a("lines", v.lines); }
void visit(auto& a, Of<GrayImage> auto& v) {
  a("width", v.width);
  a("height", v.height);
  a("pixels", v.pixels);
}
void visit(auto& a, Of<Sample> auto& v) {
  a("picture", v.picture);
  a("label", v.label);
  a("name", v.name);
}
void visit(auto& a, Of<Group> auto& v) {
  a("name", v.name);
  a("samples", v.samples);
}
void visit(auto& a, Of<Split> auto& v) {
  a("name", v.name);
  a("class_counts", v.class_counts);
  a("groups", v.groups);
}
void visit(auto& a, Of<RefusedFile> auto& v) {
  a("path", v.path);
  a("reason", v.reason);
}
void visit(auto& a, Of<DataSummary> auto& v) {
  a("name", v.name);
  a("form", v.form);
  a("source", v.source);
  a("licence", v.licence);
  a("group_by", v.group_by);
  a("splits", v.splits);
  a("samples", v.samples);
  a("refused", v.refused);
}
void visit(auto& a, Of<Epoch> auto& v) {
  a("train_loss", v.train_loss);
  a("validation_loss", v.validation_loss);
  a("train_accuracy", v.train_accuracy);
  a("validation_accuracy", v.validation_accuracy);
  a("learning_rate", v.learning_rate);
}
void visit(auto& a, Of<TrainingPhase> auto& v) {
  a("name", v.name);
  a("epochs", v.epochs);
}
void visit(auto& a, Of<Misclassified> auto& v) {
  a("picture", v.picture);
  a("truth", v.truth);
  a("predicted", v.predicted);
  a("confidence", v.confidence);
  a("name", v.name);
}
void visit(auto& a, Of<Evaluation> auto& v) {
  a("split", v.split);
  a("confusion_int8", v.confusion_int8);
  a("confusion_float", v.confusion_float);
  a("agreement", v.agreement);
  a("worst", v.worst);
}
void visit(auto& a, Of<ArenaTensor> auto& v) {
  a("name", v.name);
  a("type", v.type);
  a("shape", v.shape);
  a("role", v.role);
  a("offset_bytes", v.offset_bytes);
  a("size_bytes", v.size_bytes);
  a("first_op", v.first_op);
  a("last_op", v.last_op);
}
void visit(auto& a, Of<ArenaMap> auto& v) {
  a("arena_bytes", v.arena_bytes);
  a("ops", v.ops);
  a("tensors", v.tensors);
}
void visit(auto& a, Of<LayerCost> auto& v) {
  a("name", v.name);
  a("op", v.op);
  a("shape", v.shape);
  a("macs", v.macs);
  a("cycles", v.cycles);
  a("instructions", v.instructions);
}
void visit(auto& a, Of<LayerProfile> auto& v) {
  a("layers", v.layers);
  a("features", v.features);
  a("total_cycles", v.total_cycles);
}
void visit(auto& a, Of<MemoryPart> auto& v) {
  a("group", v.group);
  a("name", v.name);
  a("bytes", v.bytes);
}
void visit(auto& a, Of<Footprint> auto& v) {
  a("flash", v.flash);
  a("ram", v.ram);
  a("flash_limit_bytes", v.flash_limit_bytes);
  a("ram_limit_bytes", v.ram_limit_bytes);
}
void visit(auto& a, Of<Setting> auto& v) {
  a("group", v.group);
  a("key", v.key);
  a("value", v.value);
}
void visit(auto& a, Of<NamedText> auto& v) {
  a("name", v.name);
  a("text", v.text);
}
void visit(auto& a, Of<Estimate> auto& v) {
  a("figure", v.figure);
  a("how", v.how);
}
void visit(auto& a, Of<Provenance> auto& v) {
  a("settings", v.settings);
  a("seeds", v.seeds);
  a("tools", v.tools);
  a("commands", v.commands);
  a("estimates", v.estimates);
}
void visit(auto& a, Of<ReportData> auto& v) {
  a("project", v.project);
  a("description", v.description);
  a("board", v.board);
  a("headline", v.headline);
  a("budgets", v.budgets);
  a("lineage", v.lineage);
  a("classes", v.classes);
  a("data", v.data);
  a("training", v.training);
  a("evaluation", v.evaluation);
  a("arena", v.arena);
  a("profile", v.profile);
  a("footprint", v.footprint);
  a("provenance", v.provenance);
}

}  // namespace mote::report
