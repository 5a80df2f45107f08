// Each operator that mote reads, as a model of its own: TensorFlow Lite's built-in kernels and mote must agree, float
// within 1e-5 and int8 byte for byte.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <set>

#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/formats/onnx.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/logic.hpp"
#include "mote/optimize/passes.hpp"
#include "one_operator.hpp"
#include "oracle/onnx_oracle.hpp"
#include "oracle/tflite_oracle.hpp"
#include "test_models.hpp"
#include "tflite_generated.h"

namespace mote::formats {
namespace {

namespace fb = tflite_schema;
using B = fb::BuiltinOperator;
using test::OneOperator;
using test::Value;

struct Case {
  std::string name;
  B code;
  /// Versions for float32 and int8; 0: TensorFlow Lite has no such form.
  std::int32_t float_version, int8_version;
  std::function<void(OneOperator&)> build;
};

constexpr float kSame = 0.05f;  // Value's default: for operators that move values
const std::vector<std::int32_t> kPlane{1, 4, 6, 3};

/// One input and one output of a shape, the output with its own scale.
std::function<void(OneOperator&)> elementwise(Value x, Value y) {
  return [=](OneOperator& o) {
    o.input(x);
    o.output(y);
  };
}

template <class Options = std::nullptr_t>
std::function<void(OneOperator&)> two(Value a, Value b, Value y, Options options = {}) {
  return [=](OneOperator& o) {
    o.input(a);
    o.input(b);
    o.output(y);
    if constexpr (!std::is_same_v<Options, std::nullptr_t>) o.options(options);
  };
}

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](std::string name, B code, std::int32_t f, std::int32_t i,
                       std::function<void(OneOperator&)> build) {
    all.push_back({std::move(name), code, f, i, std::move(build)});
  };
  const Value x{kPlane, 0.05f, -3}, positive{kPlane, 0.02f, -128};
  // Functions of one element.
  add("abs", B::ABS, 1, 2, elementwise(x, {kPlane, 0.07f, -128}));
  add("abs, one scale", B::ABS, 0, 2, elementwise(x, x));
  add("neg", B::NEG, 1, 0, elementwise(x, x));
  add("sign", B::SIGN, 1, 0, elementwise(x, x));
  add("floor", B::FLOOR, 1, 0, elementwise(x, x));
  add("ceil", B::CEIL, 1, 0, elementwise(x, x));
  add("round", B::ROUND, 1, 0, elementwise(x, x));
  add("exp", B::EXP, 1, 0, elementwise({kPlane, 0.02f, 5}, {kPlane, 0.05f, -128}));
  add("log", B::LOG, 0, 0, elementwise(positive, {kPlane, 0.04f, 90}));
  add("rsqrt", B::RSQRT, 0, 2, elementwise(positive, {kPlane, 0.06f, -128}));
  add("square", B::SQUARE, 1, 0, elementwise(x, x));
  add("sin", B::SIN, 1, 0, elementwise(x, x));
  add("cos", B::COS, 1, 0, elementwise(x, x));
  add("logistic", B::LOGISTIC, 1, 2, elementwise(x, {kPlane, 1.0f / 256.0f, -128}));
  add("logistic, coarse", B::LOGISTIC, 0, 2, elementwise({kPlane, 0.23f, 20}, {kPlane, 1.0f / 256.0f, -128}));
  add("tanh", B::TANH, 1, 2, elementwise(x, {kPlane, 1.0f / 128.0f, 0}));
  add("elu", B::ELU, 1, 1, elementwise(x, {kPlane, 0.04f, -90}));
  add("hard_swish", B::HARD_SWISH, 1, 1, elementwise(x, {kPlane, 0.045f, -110}));
  add("relu", B::RELU, 1, 2, elementwise(x, {kPlane, 0.03f, -128}));
  add("relu6", B::RELU6, 1, 2, elementwise(x, {kPlane, 0.023f, -128}));
  add("relu_n1_to_1", B::RELU_N1_TO_1, 1, 1, elementwise(x, {kPlane, 0.05f, -3}));
  for (const bool approximate : {false, true}) {
    add(approximate ? "gelu, tanh" : "gelu", B::GELU, 1, 2, [=](OneOperator& o) {
      o.input(x);
      o.output({kPlane, 0.04f, -110});
      fb::GeluOptionsT options;
      options.approximate = approximate;
      o.options(options);
    });
  }
  for (const float alpha : {0.1f, 1.5f, -0.3f}) {
    add("leaky_relu " + std::to_string(alpha), B::LEAKY_RELU, 1, 2, [=](OneOperator& o) {
      o.input(x);
      o.output({kPlane, 0.04f, -20});
      fb::LeakyReluOptionsT options;
      options.alpha = alpha;
      o.options(options);
    });
  }
  // Two elements.
  const Value y{kPlane, 0.08f, 7}, z{kPlane, 0.11f, -9}, row{{1, 1, 1, 3}, 0.08f, 7}, column{{1, 4, 1, 1}, 0.06f, 4},
      number{{1}, 0.03f, -20};
  fb::AddOptionsT relu;
  relu.activation = fb::ActivationFunction::RELU;
  for (const auto& [what, b] : {std::pair{"", y}, {", a row", row}, {", a column", column}, {", a number", number}}) {
    add(std::string("add") + what, B::ADD, 1, 2, two(x, b, z, fb::AddOptionsT{}));
    add(std::string("sub") + what, B::SUB, 1, 2, two(x, b, z, fb::SubOptionsT{}));
    add(std::string("mul") + what, B::MUL, 1, 2, two(x, b, z, fb::MulOptionsT{}));
    add(std::string("squared_difference") + what, B::SQUARED_DIFFERENCE, 1, 2, two(x, b, {kPlane, 0.3f, -128}));
    Value same = b;
    same.scale = x.scale;
    same.zero = x.zero;
    add(std::string("minimum") + what, B::MINIMUM, 1, 2, two(x, same, x));
    add(std::string("maximum") + what, B::MAXIMUM, 1, 2, two(x, same, x));
  }
  add("sub, swapped row", B::SUB, 1, 2, two(row, x, z, fb::SubOptionsT{}));
  add("add, relu", B::ADD, 1, 2, two(x, y, z, relu));
  add("div", B::DIV, 1, 0, two(x, y, z, fb::DivOptionsT{}));
  add("mul by a constant", B::MUL, 1, 2, [=](OneOperator& o) {
    o.input(x);
    o.operand(row, 3);
    o.output(z);
    o.options(fb::MulOptionsT{});
  });
  // Joining and splitting.
  for (const int axis : {1, -1}) {
    add("concatenation " + std::to_string(axis), B::CONCATENATION, 1, 2, [=](OneOperator& o) {
      o.input(x);
      o.input(axis == 1 ? Value{{1, 2, 6, 3}} : Value{{1, 4, 6, 5}});
      o.output(axis == 1 ? Value{{1, 6, 6, 3}} : Value{{1, 4, 6, 8}});
      fb::ConcatenationOptionsT options;
      options.axis = axis;
      o.options(options);
    });
    add("pack " + std::to_string(axis), B::PACK, 1, 1, [=](OneOperator& o) {
      for (int i = 0; i < 3; ++i) o.input({{1, 5, 2}});
      o.output(axis == 1 ? Value{{1, 3, 5, 2}} : Value{{1, 5, 2, 3}});
      fb::PackOptionsT options;
      options.values_count = 3;
      options.axis = axis;
      o.options(options);
    });
    add("unpack " + std::to_string(axis), B::UNPACK, 1, 2, [=](OneOperator& o) {
      o.input(axis == 1 ? Value{{1, 3, 5, 2}} : Value{{1, 5, 2, 3}});
      for (int i = 0; i < 3; ++i) o.output({{1, 5, 2}});
      fb::UnpackOptionsT options;
      options.num = 3;
      options.axis = axis;
      o.options(options);
    });
  }
  add("split", B::SPLIT, 1, 2, [=](OneOperator& o) {
    o.integers({2}, {});
    o.input(x);
    for (int i = 0; i < 3; ++i) o.output({{1, 4, 2, 3}});
    fb::SplitOptionsT options;
    options.num_splits = 3;
    o.options(options);
  });
  add("split_v", B::SPLIT_V, 1, 2, [=](OneOperator& o) {
    o.input(x);
    o.integers({1, 4, 1});
    o.integers({-2}, {});
    for (const int n : {1, 4, 1}) o.output({{1, 4, n, 3}});
    fb::SplitVOptionsT options;
    options.num_splits = 3;
    o.options(options);
  });
  // Elements from known places.
  add("slice", B::SLICE, 1, 2, [=](OneOperator& o) {
    o.input(x);
    o.integers({0, 1, 2, 0});
    o.integers({1, 2, -1, 2});
    o.output({{1, 2, 4, 2}});
  });
  struct Strided {
    std::vector<std::int32_t> begin, end, stride, shape;
    int begin_mask, end_mask, shrink_mask;
  };
  for (const Strided& s : {Strided{{0, 1, 0, 0}, {1, 4, 6, 3}, {1, 2, 3, 1}, {1, 2, 2, 3}, 0, 0, 0},
                           Strided{{0, -1, 5, 0}, {1, 0, 0, 3}, {1, -1, -2, 1}, {1, 3, 3, 3}, 0, 0, 0},
                           Strided{{0, 0, 5, 0}, {1, 0, 0, 3}, {1, -1, -2, 1}, {1, 4, 3, 3}, 2, 6, 0},
                           Strided{{0, 2, 0, -1}, {1, 3, 6, 3}, {1, 1, 1, 1}, {1, 6}, 0, 0, 10}}) {
    add("strided_slice", B::STRIDED_SLICE, 1, 2, [=](OneOperator& o) {
      o.input(x);
      o.integers(s.begin);
      o.integers(s.end);
      o.integers(s.stride);
      o.output({s.shape});
      fb::StridedSliceOptionsT options;
      options.begin_mask = s.begin_mask;
      options.end_mask = s.end_mask;
      options.shrink_axis_mask = s.shrink_mask;
      o.options(options);
    });
  }
  add("reverse_v2", B::REVERSE_V2, 1, 0, [=](OneOperator& o) {
    o.input(x);
    o.integers({2});
    o.output(x);
  });
  for (const int axis : {1, 2, 3}) {
    add("gather " + std::to_string(axis), B::GATHER, 1, 2, [=](OneOperator& o) {
      o.input(x);
      o.integers({2, 0, 2, 1});
      Value out = x;
      out.shape[static_cast<std::size_t>(axis)] = 4;
      o.output(out);
      fb::GatherOptionsT options;
      options.axis = axis;
      o.options(options);
    });
  }
  add("gather, a matrix of indices", B::GATHER, 1, 2, [=](OneOperator& o) {
    o.input(x);
    o.integers({2, 0, 2, 1, 5, 5}, {2, 3});
    o.output({{1, 4, 2, 3, 3}});
    fb::GatherOptionsT options;
    options.axis = 2;
    o.options(options);
  });
  for (const auto mode : {fb::MirrorPadMode::REFLECT, fb::MirrorPadMode::SYMMETRIC}) {
    add("mirror_pad", B::MIRROR_PAD, 1, 2, [=](OneOperator& o) {
      o.input(x);
      o.integers({0, 0, 2, 1, 1, 3, 0, 2}, {4, 2});
      o.output({{1, 7, 10, 5}});
      fb::MirrorPadOptionsT options;
      options.mode = mode;
      o.options(options);
    });
  }
  for (const auto& [align, half] : {std::pair{false, false}, {true, false}, {false, true}}) {
    for (const auto& size : {std::vector<std::int32_t>{8, 9}, {3, 2}, {4, 12}}) {
      add("resize_nearest_neighbor", B::RESIZE_NEAREST_NEIGHBOR, align || half ? 3 : 1, align || half ? 3 : 2,
          [=](OneOperator& o) {
            o.input(x);
            o.integers(size);
            o.output({{1, size[0], size[1], 3}});
            fb::ResizeNearestNeighborOptionsT options;
            options.align_corners = align;
            options.half_pixel_centers = half;
            o.options(options);
          });
    }
  }
  // Other orders and shapes.
  for (const auto& p : {std::vector<std::int32_t>{0, 3, 1, 2}, {0, 2, 1, 3}, {3, 2, 1, 0}}) {
    add("transpose", B::TRANSPOSE, 1, 2, [=](OneOperator& o) {
      o.input(x);
      o.integers(p);
      Value out = x;
      for (std::size_t d = 0; d < 4; ++d) out.shape[d] = x.shape[static_cast<std::size_t>(p[d])];
      o.output(out);
    });
  }
  add("depth_to_space", B::DEPTH_TO_SPACE, 1, 2, [=](OneOperator& o) {
    o.input({{1, 2, 3, 8}});
    o.output({{1, 4, 6, 2}});
    fb::DepthToSpaceOptionsT options;
    options.block_size = 2;
    o.options(options);
  });
  add("space_to_depth", B::SPACE_TO_DEPTH, 1, 2, [=](OneOperator& o) {
    o.input({{1, 4, 6, 2}});
    o.output({{1, 2, 3, 8}});
    fb::SpaceToDepthOptionsT options;
    options.block_size = 2;
    o.options(options);
  });
  add("tile", B::TILE, 1, 0, [=](OneOperator& o) {
    o.input(x);
    o.integers({1, 2, 1, 3});
    o.output({{1, 8, 6, 9}});
  });
  add("broadcast_to", B::BROADCAST_TO, 2, 2, [=](OneOperator& o) {
    o.input({{1, 6, 1}});
    o.integers({1, 4, 6, 3});
    o.output(x);
  });
  add("pad", B::PAD, 1, 2, [=](OneOperator& o) {
    o.input(x);
    o.integers({0, 0, 2, 1, 1, 3, 0, 2}, {4, 2});
    o.output({{1, 7, 10, 5}});
  });
  add("pad, planes", B::PAD, 1, 2, [=](OneOperator& o) {
    o.input(x);
    o.integers({0, 0, 2, 1, 1, 3, 0, 0}, {4, 2});
    o.output({{1, 7, 10, 3}});
  });
  add("padv2", B::PADV2, 1, 2, [=](OneOperator& o) {
    o.input(x);
    o.integers({0, 0, 2, 1, 1, 3, 0, 2}, {4, 2});
    o.operand({{1}}, 5);
    o.output({{1, 7, 10, 5}});
  });
  add("squeeze", B::SQUEEZE, 1, 1, [=](OneOperator& o) {
    o.input(x);
    o.output({{4, 6, 3}});
    fb::SqueezeOptionsT options;
    options.squeeze_dims = {0};
    o.options(options);
  });
  add("expand_dims", B::EXPAND_DIMS, 1, 1, [=](OneOperator& o) {
    o.input(x);
    o.integers({2}, {});
    o.output({{1, 4, 1, 6, 3}});
  });
  // Along axes.
  struct Axes {
    std::vector<std::int32_t> axes, shape;
  };
  for (const Axes& a : {Axes{{1, 2}, {1, 1, 1, 3}}, Axes{{-1}, {1, 4, 6, 1}}, Axes{{1, 3}, {1, 1, 6, 1}},
                        Axes{{2}, {1, 4, 1, 3}}, Axes{{1, 2, 3}, {1, 1, 1, 1}}}) {
    for (const bool keeps : {true, false}) {
      Value out{a.shape};
      if (!keeps) {
        out.shape = {1};
        for (std::size_t d = 1; d < 4; ++d) {
          if (a.shape[d] != 1) out.shape.push_back(a.shape[d]);
        }
      }
      const auto build = [=](Value result) {
        return [=](OneOperator& o) {
          o.input(x);
          o.integers(a.axes);
          o.output(result);
          fb::ReducerOptionsT options;
          options.keep_dims = keeps;
          o.options(options);
        };
      };
      Value other = out;
      other.scale = 0.031f;
      other.zero = 11;
      Value wide = out;
      wide.scale = 0.4f;
      add("mean", B::MEAN, 1, 2, build(out));
      add("mean, another scale", B::MEAN, 0, 2, build(other));
      add("sum", B::SUM, 1, 2, build(wide));
      add("reduce_max", B::REDUCE_MAX, 1, 2, build(out));
      add("reduce_min", B::REDUCE_MIN, 1, 2, build(out));
      add("reduce_prod", B::REDUCE_PROD, 1, 0, build(out));
    }
  }
  for (const std::int32_t axis : {1, 3, -1}) {
    Value out{axis == 1 ? std::vector<std::int32_t>{1, 6, 3} : std::vector<std::int32_t>{1, 4, 6}};
    const auto build = [=](auto options) {
      return [=](OneOperator& o) {
        o.input(x);
        o.integers({axis}, {});
        o.indices(out.shape);
        auto chosen = options;
        chosen.output_type = fb::TensorType::INT32;
        o.options(chosen);
      };
    };
    add("arg_max", B::ARG_MAX, 1, 2, build(fb::ArgMaxOptionsT{}));
    add("arg_min", B::ARG_MIN, 1, 2, build(fb::ArgMinOptionsT{}));
  }
  for (const auto& [align, half] : {std::pair{false, false}, {true, false}, {false, true}}) {
    for (const auto& size : {std::vector<std::int32_t>{8, 9}, {3, 2}, {4, 12}, {1, 1}}) {
      add("resize_bilinear", B::RESIZE_BILINEAR, half ? 3 : 1, half ? 3 : 2, [=](OneOperator& o) {
        o.input(x);
        o.integers(size);
        o.output({{1, size[0], size[1], 3}});
        fb::ResizeBilinearOptionsT options;
        options.align_corners = align;
        options.half_pixel_centers = half;
        o.options(options);
      });
    }
  }
  add("prelu", B::PRELU, 1, 1, [=](OneOperator& o) {
    o.input(x);
    o.operand({{1, 1, 3}, 0.01f, 20}, 3);
    o.output(z);
  });
  // Products.
  struct Transposed {
    fb::Padding padding;
    std::int32_t stride, kernel, h, w;
  };
  for (const Transposed& t : {Transposed{fb::Padding::SAME, 2, 3, 8, 12}, Transposed{fb::Padding::VALID, 2, 3, 9, 13},
                              Transposed{fb::Padding::SAME, 1, 3, 4, 6}, Transposed{fb::Padding::VALID, 3, 2, 12, 18},
                              Transposed{fb::Padding::SAME, 2, 4, 7, 11}}) {
    add("transpose_conv", B::TRANSPOSE_CONV, 1, 1, [=](OneOperator& o) {
      o.integers({1, t.h, t.w, 5});
      o.operand({{5, t.kernel, t.kernel, 3}, 0.01f, 0}, 4);
      o.input(x);
      o.output({{1, t.h, t.w, 5}, 0.09f, 5});
      fb::TransposeConvOptionsT options;
      options.padding = t.padding;
      options.stride_h = options.stride_w = t.stride;
      o.options(options);
    });
  }
  add("fully_connected, rows", B::FULLY_CONNECTED, 1, 4, [=](OneOperator& o) {
    o.input({{1, 5, 6}});
    o.operand({{4, 6}, 0.01f, 0}, 4);
    o.output({{5, 4}, 0.07f, 5});
    o.options(fb::FullyConnectedOptionsT{});
  });
  for (const bool turned : {false, true}) {
    add("batch_matmul", B::BATCH_MATMUL, 1, 2, [=](OneOperator& o) {
      o.input({{1, 5, 6}});
      o.operand({turned ? std::vector<std::int32_t>{1, 4, 6} : std::vector<std::int32_t>{1, 6, 4}, 0.01f, 0}, 4);
      o.output({{1, 5, 4}, 0.07f, 5});
      fb::BatchMatMulOptionsT options;
      options.adj_y = turned;
      o.options(options);
    });
  }
  for (const bool turned : {false, true}) {
    add("batch_matmul, computed", B::BATCH_MATMUL, 1, 2, [=](OneOperator& o) {
      o.input({{1, 3, 5, 6}, 0.03f, 11});
      o.input({turned ? std::vector<std::int32_t>{1, 3, 4, 6} : std::vector<std::int32_t>{1, 3, 6, 4}, 0.02f, -9});
      o.output({{1, 3, 5, 4}, 0.4f, 5});
      fb::BatchMatMulOptionsT options;
      options.adj_y = turned;
      o.options(options);
    });
  }
  // Truth values.
  for (const auto& [name, code] : {std::pair{"less", B::LESS},
                                   {"less_equal", B::LESS_EQUAL},
                                   {"greater", B::GREATER},
                                   {"greater_equal", B::GREATER_EQUAL},
                                   {"equal", B::EQUAL},
                                   {"not_equal", B::NOT_EQUAL}}) {
    for (const auto& [what, b] : {std::pair{"", x}, {", another scale", y}, {", a row", row}, {", a number", number}}) {
      add(name + std::string(what), code, 1, 2, [=, code = code, b = b](OneOperator& o) {
        o.input(x);
        o.input(b);
        o.truth_output(kPlane);
      });
    }
  }
  for (const B code : {B::LOGICAL_AND, B::LOGICAL_OR}) {
    add("logical", code, 1, 0, [=](OneOperator& o) {
      o.truth_input(kPlane);
      o.truth_input({1, 1, 1, 3});
      o.truth_output(kPlane);
    });
  }
  add("logical_not", B::LOGICAL_NOT, 1, 0, [=](OneOperator& o) {
    o.truth_input(kPlane);
    o.truth_output(kPlane);
  });
  for (const bool second : {false, true}) {
    add(second ? "select_v2" : "select", second ? B::SELECT_V2 : B::SELECT, 1, 1, [=](OneOperator& o) {
      o.truth_input(second ? std::vector<std::int32_t>{1, 4, 1, 1} : kPlane);
      o.input(x);
      o.input(second ? Value{{1, 1, 1, 3}} : x);
      o.output(x);
    });
  }
  // In order.
  for (const int k : {1, 2, 7}) {
    add("topk_v2 " + std::to_string(k), B::TOPK_V2, 1, 2, [=](OneOperator& o) {
      o.input({{1, 4, 7}});
      o.integers({k}, {});
      o.output({{1, 4, k}});
      o.indices({1, 4, k});
      o.options(fb::TopKV2OptionsT{});
    });
  }
  for (const auto& [axis, exclusive, reverse] :
       {std::tuple{1, false, false}, {-1, true, false}, {2, false, true}, {-1, true, true}}) {
    add("cumsum", B::CUMSUM, 1, 0, [=, axis = axis, exclusive = exclusive, reverse = reverse](OneOperator& o) {
      o.input(x);
      o.integers({axis}, {});
      o.output(x);
      fb::CumsumOptionsT options;
      options.exclusive = exclusive;
      options.reverse = reverse;
      o.options(options);
    });
  }
  add("log_softmax", B::LOG_SOFTMAX, 1, 0, [=](OneOperator& o) {
    o.input(x);
    o.output(x);
    o.options(fb::LogSoftmaxOptionsT{});
  });
  return all;
}

Bytes samples(const graph::Graph& model, std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  Bytes bytes;
  for (std::size_t sample = 0; sample < count; ++sample) {
    for (const graph::TensorId id : model.inputs()) {
      const graph::Tensor& t = model.tensor(id);
      for (std::size_t i = 0; i < t.shape.elements(); ++i) {
        if (t.dtype == graph::DType::i8) {
          const auto byte = static_cast<std::uint8_t>(rng.next());
          bytes.push_back(graph::may_be_truth(t) ? byte & 1 : byte);
          continue;
        }
        const auto value = static_cast<float>(rng.uniform(-6.0, 6.0));
        const ByteSpan raw = bytes_of(std::span<const float>(&value, 1));
        bytes.insert(bytes.end(), raw.begin(), raw.end());
      }
    }
  }
  return bytes;
}

fb::TensorType type_of(bool integer) { return integer ? fb::TensorType::INT8 : fb::TensorType::FLOAT32; }

TEST(TfliteOperatorsAgree, one_by_one) {
  auto oracle = oracle::TfliteOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  struct Expected {
    std::string name;
    bool integer;
    bool bytes;  ///< indices or truth values
    Bytes outputs;
  };
  std::vector<oracle::TfliteJob> jobs;
  std::vector<Expected> here;
  for (const Case& c : cases()) {
    for (const bool integer : {false, true}) {
      const std::int32_t version = integer ? c.int8_version : c.float_version;
      if (version == 0) continue;
      const std::string name = c.name + (integer ? ", int8" : ", float");
      OneOperator one(c.code, type_of(integer), version);
      c.build(one);
      const Bytes file = one.file();
      // A fuzzer's seeds.
      if (const char* folder = std::getenv("MOTE_CASES")) {
        ASSERT_TRUE(write_file(std::string(folder) + "/case" + std::to_string(jobs.size()) + ".tflite", file));
      }
      const auto model = read_tflite(file, name);
      ASSERT_TRUE(model) << name << ": " << model.error().message();
      const Bytes inputs = samples(*model, 4, 11);
      const auto outputs = test::run(*model, inputs);
      ASSERT_TRUE(outputs) << name << ": " << outputs.error().message();
      jobs.push_back({file, inputs});
      const bool bytes = std::ranges::any_of(
          model->outputs(), [&](graph::TensorId id) { return model->tensor(id).dtype != graph::DType::f32; });
      here.push_back({name, integer, bytes, *outputs});
      const auto parsed = graph::parse(graph::print(*model));
      ASSERT_TRUE(parsed) << name << ": " << parsed.error().message();
      EXPECT_TRUE(*parsed == *model) << name;
      // What mote writes of it is the same model.
      const auto written = write_tflite(*model);
      ASSERT_TRUE(written) << name << ": " << written.error().message();
      jobs.push_back({*written, inputs});
      here.push_back({name + ", written by mote", integer, bytes, *outputs});
    }
  }
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there) << there.error().message();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Bytes& a = here[i].outputs;
    const Bytes& b = (*there)[i].outputs;
    ASSERT_EQ(a.size(), b.size()) << here[i].name;
    if (here[i].integer || here[i].bytes) {
      std::size_t different = 0;
      int largest = 0;
      for (std::size_t k = 0; k < a.size(); ++k) {
        different += a[k] != b[k] ? 1 : 0;
        largest = std::max(largest, std::abs(static_cast<std::int8_t>(a[k]) - static_cast<std::int8_t>(b[k])));
      }
      // This TensorFlow Lite takes means and sums in float and without saturating, and rounds convolutions once;
      // today's reference kernels do neither.
      const bool older = here[i].name.starts_with("mean") || here[i].name.starts_with("sum") ||
                         (here[i].name.ends_with("written by mote") &&
                          (here[i].name.starts_with("fully") || here[i].name.starts_with("batch") ||
                           here[i].name.starts_with("transpose_conv")));
      if (older && largest <= 1) continue;
      EXPECT_EQ(different, 0u) << here[i].name << ": of " << a.size() << ", at most by " << largest;
    } else {
      const std::span<const float> p(reinterpret_cast<const float*>(a.data()), a.size() / 4),
          q(reinterpret_cast<const float*>(b.data()), b.size() / 4);
      for (std::size_t k = 0; k < p.size(); ++k)
        ASSERT_LE(std::fabs(p[k] - q[k]), 1e-5f * std::max(1.0f, std::fabs(q[k]))) << here[i].name << " at " << k;
    }
  }
  std::printf("    %zu models of one operator\n", jobs.size());
}

/// As `mote convert` reads it.
Result<graph::Graph> read_as_integers(ByteSpan file, const std::string& name) {
  MOTE_TRY(graph::Graph graph, read_onnx(file, name));
  if (optimize::is_marked(graph)) return optimize::quantize_as_marked(graph);
  return graph;
}

/// Largest step between bytes, or a thousand where real numbers differ by more than 1e-5.
int largest_difference(const graph::Graph& model, const Bytes& a, const Bytes& b) {
  if (a.size() != b.size()) return 1000;
  int largest = 0;
  if (model.output().dtype != graph::DType::f32) {
    for (std::size_t k = 0; k < a.size(); ++k)
      largest = std::max(largest, std::abs(static_cast<std::int8_t>(a[k]) - static_cast<std::int8_t>(b[k])));
    return largest;
  }
  const std::span<const float> p(reinterpret_cast<const float*>(a.data()), a.size() / 4),
      q(reinterpret_cast<const float*>(b.data()), b.size() / 4);
  for (std::size_t k = 0; k < p.size(); ++k) {
    if (!(std::fabs(p[k] - q[k]) <= 1e-5f * std::max(1.0f, std::fabs(q[k])))) return 1000;
  }
  return 0;
}

/// Written as ONNX each operator comes back as what computes the same bytes, and ONNX Runtime computes them within a
/// step: it rescales in float.
TEST(TfliteOperatorsAsOnnx, come_back_and_run_there) {
  struct Written {
    std::string name;
    graph::Graph model;
    Bytes outputs;
  };
  std::vector<Written> all;
  std::vector<oracle::Job> jobs;
  for (const Case& c : cases()) {
    for (const bool integer : {false, true}) {
      const std::int32_t version = integer ? c.int8_version : c.float_version;
      if (version == 0) continue;
      const std::string name = c.name + (integer ? ", int8" : ", float");
      OneOperator one(c.code, type_of(integer), version);
      c.build(one);
      const auto model = read_tflite(one.file(), name);
      ASSERT_TRUE(model) << name << ": " << model.error().message();
      const auto file = write_onnx(*model);
      if (!file) {
        EXPECT_EQ(file.error().code(), Code::unsupported) << name;
        std::printf("    not written: %s: %s\n", name.c_str(), file.error().message().c_str());
        continue;
      }
      const Bytes inputs = samples(*model, 4, 11);
      const auto outputs = test::run(*model, inputs);
      ASSERT_TRUE(outputs) << name << ": " << outputs.error().message();
      const auto back = read_as_integers(*file, name);
      if (!back) {
        ADD_FAILURE() << name << ": " << back.error().message();
        continue;
      }
      const auto again = test::run(*back, inputs);
      if (!again) {
        ADD_FAILURE() << name << ": " << again.error().message();
        continue;
      }
      EXPECT_EQ(largest_difference(*model, *outputs, *again), 0) << name;
      jobs.push_back({*file, inputs});
      all.push_back({name, *model, *outputs});
    }
  }
  const auto oracle = oracle::OnnxOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there) << there.error().message();
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_LE(largest_difference(all[i].model, all[i].outputs, (*there)[i]), 1) << all[i].name << " in ONNX Runtime";
  std::printf("    %zu models of one operator\n", all.size());
}

/// Every word of every such file becomes something else: it reads, and then can be run, written and read again, or it
/// is refused.
TEST(TfliteOperatorsDamaged, never_crash) {
  std::size_t files = 0, readable = 0;
  for (const Case& c : cases()) {
    for (const bool integer : {false, true}) {
      if ((integer ? c.int8_version : c.float_version) == 0) continue;
      OneOperator one(c.code, type_of(integer), 1);
      c.build(one);
      const Bytes sound = one.file();
      for (std::size_t at = 0; at + 4 <= sound.size(); at += 4) {
        for (const std::uint32_t word : {0u, 1u, 2u, 0x7fffffffu, 0xffffffffu, 0x00800000u, 0x7f000000u}) {
          Bytes damaged = sound;
          std::memcpy(damaged.data() + at, &word, 4);
          ++files;
          const auto model = read_tflite(damaged, c.name);
          if (!model) {
            EXPECT_EQ(model.error().message().find('\n'), std::string::npos);
            continue;
          }
          ++readable;
          if (graph::input_bytes(*model) + graph::output_bytes(*model) < 100'000) {
            const auto outputs = test::run(*model, Bytes(graph::input_bytes(*model)));
            if (!outputs) {
              EXPECT_EQ(outputs.error().code(), Code::unsupported) << c.name << ": " << outputs.error().message();
            }
          }
          const auto written = write_tflite(*model);
          if (!written) {
            EXPECT_EQ(written.error().code(), Code::unsupported) << c.name << ": " << written.error().message();
            continue;
          }
          const auto again = read_tflite(*written, c.name);
          ASSERT_TRUE(again) << c.name << ": " << again.error().message();
          // Not floats: zeros that stand in the model and zeros that a layer pads differ where a weight is no number.
          if (integer && graph::input_bytes(*model) + graph::output_bytes(*model) < 100'000 &&
              test::run(*model, Bytes(graph::input_bytes(*model)))) {
            EXPECT_EQ(*test::run(*model, Bytes(graph::input_bytes(*model))),
                      *test::run(*again, Bytes(graph::input_bytes(*model))))
                << c.name;
          }
        }
      }
    }
  }
  std::printf("    %zu damaged files, %zu of them readable\n", files, readable);
}

}  // namespace
}  // namespace mote::formats
