#include "mote/graph/zoo.hpp"

#include <algorithm>
#include <cmath>

#include "mote/graph/builder.hpp"

namespace mote::graph {
namespace {

using Window = Builder::Window;

/// Convolution or depthwise, batch norm, ReLU.
TensorId conv_bn_relu(Builder& b, const std::string& name, TensorId x, std::int32_t channels, Window window) {
  x = b.conv(name, x, channels, window);
  x = b.batch_norm(name + "/bn", x);
  return b.activate(name + "/relu", x);
}

TensorId separable(Builder& b, const std::string& name, TensorId x, std::int32_t channels, Window window,
                   bool residual) {
  const Shape in = b.shape(x);
  TensorId y = b.depthwise(name + "/dw", x, window);
  y = b.activate(name + "/dw/relu", b.batch_norm(name + "/dw/bn", y));
  y = b.batch_norm(name + "/pw/bn", b.conv(name + "/pw", y, channels, {1, 1, 1, 1, true}));
  if (residual && b.shape(y) == in) y = b.add(name + "/add", y, x);
  return b.activate(name + "/relu", y);
}

TensorId classifier(Builder& b, TensorId x, const ZooOptions& o) {
  if (b.shape(x).rank() == 4 && b.shape(x)[1] * b.shape(x)[2] > 1) x = b.global_average_pool("pool", x);
  x = b.reshape("flatten", x, {1, static_cast<std::int32_t>(b.shape(x).elements())});
  if (o.dropout > 0.0) x = b.dropout("dropout", x, static_cast<float>(o.dropout));
  x = b.dense("classifier", x, o.classes);
  return o.softmax ? b.softmax("probabilities", x) : x;
}

Graph mlp(const ZooOptions& o) {
  Builder b("mlp", o.seed);
  TensorId x = b.input("input", o.input);
  const std::vector<std::int32_t> hidden = o.hidden.empty() ? std::vector<std::int32_t>{64, 32} : o.hidden;
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    const std::string name = "dense" + std::to_string(i + 1);
    x = b.activate(name + "/relu", b.dense(name, x, hidden[i]));
  }
  if (o.dropout > 0.0) x = b.dropout("dropout", x, static_cast<float>(o.dropout));
  x = b.dense("classifier", x, o.classes);
  if (o.softmax) x = b.softmax("probabilities", x);
  return std::move(b).finish(x);
}

Graph ds_cnn(const ZooOptions& o) {
  Builder b("ds_cnn", o.seed);
  TensorId x = b.input("input", o.input);
  x = conv_bn_relu(b, "stem", x, o.stem.channels,
                   {o.stem.kernel_h, o.stem.kernel_w, o.stem.stride_h, o.stem.stride_w, true});
  const std::vector<SeparableBlock> blocks =
      o.blocks.empty() ? std::vector<SeparableBlock>{{40, 2}, {40}, {40}, {80, 2}, {80}} : o.blocks;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const SeparableBlock& k = blocks[i];
    x = separable(b, "block" + std::to_string(i + 1), x, k.channels, {k.kernel, k.kernel, k.stride, k.stride, true},
                  k.residual);
  }
  return std::move(b).finish(classifier(b, x, o));
}

/// The same along one axis: [1,1,T,C].
Graph cnn1d(const ZooOptions& o) {
  Builder b("cnn1d", o.seed);
  TensorId x = b.input("input", o.input);
  x = conv_bn_relu(b, "stem", x, o.stem.channels, {1, o.stem.kernel_w, 1, o.stem.stride_w, true});
  const std::vector<SeparableBlock> blocks =
      o.blocks.empty() ? std::vector<SeparableBlock>{{24, 2, 7}, {32, 2, 7}, {32, 1, 5}} : o.blocks;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const SeparableBlock& k = blocks[i];
    x = separable(b, "block" + std::to_string(i + 1), x, k.channels, {1, k.kernel, 1, k.stride, true}, k.residual);
  }
  return std::move(b).finish(classifier(b, x, o));
}

/// Howard et al., arXiv 1704.04861, table 1, all widths times alpha (rounded to 8, at least 8).
Graph mobilenet_v1(const ZooOptions& o) {
  Builder b("mobilenet_v1", o.seed);
  const auto width = [&](int channels) {
    return std::max(8, static_cast<int>(std::lround(channels * o.alpha / 8.0)) * 8);
  };
  TensorId x = b.input("input", o.input);
  x = conv_bn_relu(b, "stem", x, width(32), {3, 3, 2, 2, true});
  struct Row {
    int channels, stride;
  };
  constexpr Row kRows[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                           {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};
  int index = 0;
  for (const Row& row : kRows) {
    const Shape& in = b.shape(x);
    const int stride = std::min(in[1], in[2]) > 1 ? row.stride : 1;
    x = separable(b, "block" + std::to_string(++index), x, width(row.channels), {3, 3, stride, stride, true}, false);
  }
  return std::move(b).finish(classifier(b, x, o));
}

/// The ResNet-8 of MLPerf Tiny's image classification: three stages of one residual pair, widths 1, 2 and 4 times the
/// stem's.
Graph resnet8(const ZooOptions& o) {
  Builder b("resnet8", o.seed);
  TensorId x = b.input("input", o.input);
  x = conv_bn_relu(b, "stem", x, o.stem.channels, {3, 3, o.stem.stride_h, o.stem.stride_w, true});
  for (int stage = 0; stage < 3; ++stage) {
    const std::string name = "stage" + std::to_string(stage + 1);
    const std::int32_t channels = o.stem.channels << stage;
    const std::int32_t stride = stage == 0 ? 1 : 2;
    TensorId y = conv_bn_relu(b, name + "/conv1", x, channels, {3, 3, stride, stride, true});
    y = b.batch_norm(name + "/conv2/bn", b.conv(name + "/conv2", y, channels, {3, 3, 1, 1, true}));
    if (b.shape(y) != b.shape(x))
      x = b.batch_norm(name + "/shortcut/bn", b.conv(name + "/shortcut", x, channels, {1, 1, stride, stride, true}));
    x = b.activate(name + "/relu", b.add(name + "/add", y, x));
  }
  return std::move(b).finish(classifier(b, x, o));
}

Graph autoencoder(const ZooOptions& o) {
  Builder b("autoencoder", o.seed);
  TensorId x = b.input("input", o.input);
  const auto outputs = static_cast<std::int32_t>(o.input.elements());
  const std::vector<std::int32_t> hidden =
      o.hidden.empty() ? std::vector<std::int32_t>{128, 128, 8, 128, 128} : o.hidden;
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    const std::string name = "dense" + std::to_string(i + 1);
    x = b.activate(name + "/relu", b.batch_norm(name + "/bn", b.dense(name, x, hidden[i])));
  }
  return std::move(b).finish(b.dense("reconstruction", x, outputs));
}

struct Entry {
  std::string_view name;
  Graph (*make)(const ZooOptions&);
  bool needs_plane;  ///< input must be [1,H,W,C]
};

constexpr Entry kZoo[] = {{"mlp", mlp, false},        {"ds_cnn", ds_cnn, true}, {"mobilenet_v1", mobilenet_v1, true},
                          {"resnet8", resnet8, true}, {"cnn1d", cnn1d, true},   {"autoencoder", autoencoder, false}};

Result<void> check(const ZooOptions& o, const Entry& entry) {
  const auto refuse = [&](const std::string& why) {
    return fail(Code::invalid_argument, "model '" + std::string(entry.name) + "' " + why);
  };
  if (o.input.rank() < 2 || o.input[0] != 1)
    return refuse("needs an input shape that starts with batch 1, got " + o.input.text());
  for (const std::int32_t d : o.input.dims()) {
    if (d < 1) return refuse("has an input of shape " + o.input.text());
  }
  if (entry.needs_plane && o.input.rank() != 4) return refuse("needs an input [1,H,W,C], got " + o.input.text());
  if (entry.name == "cnn1d" && o.input[1] != 1) return refuse("needs an input [1,1,T,C], got " + o.input.text());
  if (o.classes < 2 && entry.name != "autoencoder")
    return refuse("needs at least 2 classes, got " + std::to_string(o.classes));
  if (o.alpha <= 0.0 || o.alpha > 4.0) return refuse("needs alpha in (0, 4]");
  if (o.dropout < 0.0 || o.dropout >= 1.0) return refuse("needs dropout in [0, 1)");
  for (const std::int32_t v : {o.stem.channels, o.stem.kernel_h, o.stem.kernel_w, o.stem.stride_h, o.stem.stride_w}) {
    if (v < 1 || v > 4096) return refuse("has a stem value outside 1 to 4096");
  }
  for (const SeparableBlock& k : o.blocks) {
    if (k.channels < 1 || k.channels > 4096 || k.stride < 1 || k.stride > 16 || k.kernel < 1 || k.kernel > 63) {
      return refuse("has a block with channels, stride or kernel out of range");
    }
  }
  for (const std::int32_t h : o.hidden) {
    if (h < 1 || h > 65536) return refuse("has a hidden layer outside 1 to 65536 units");
  }
  return {};
}

}  // namespace

std::vector<std::string_view> zoo_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : kZoo) names.push_back(entry.name);
  return names;
}

Result<Graph> make_model(const ZooOptions& options) {
  for (const Entry& entry : kZoo) {
    if (entry.name != options.architecture) continue;
    MOTE_TRY_VOID(check(options, entry));
    return entry.make(options);
  }
  std::string known;
  for (const Entry& entry : kZoo) known += (known.empty() ? "" : ", ") + std::string(entry.name);
  return fail(Code::invalid_argument, "model '" + options.architecture + "' is unknown; known are " + known);
}

}  // namespace mote::graph
