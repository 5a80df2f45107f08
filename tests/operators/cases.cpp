#include "operators/cases.hpp"

namespace mote::formats::test {
namespace {

using B = fb::BuiltinOperator;

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

}  // namespace

Bytes file_of(const Case& one, bool integer) {
  OneOperator model(one.code, integer ? fb::TensorType::INT8 : fb::TensorType::FLOAT32,
                    integer ? one.int8_version : one.float_version);
  one.build(model);
  return model.file();
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
  struct Window {
    fb::Padding padding;
    std::int32_t stride, dilation, kernel_h, kernel_w, h, w;
  };
  for (const Window& t : {Window{fb::Padding::SAME, 1, 1, 3, 3, 4, 6}, Window{fb::Padding::SAME, 2, 1, 3, 3, 2, 3},
                          Window{fb::Padding::VALID, 1, 2, 2, 3, 2, 2}, Window{fb::Padding::VALID, 1, 1, 1, 4, 4, 3}}) {
    add("conv_2d", B::CONV_2D, 2, 3, [=](OneOperator& o) {
      o.input(x);
      o.operand({{5, t.kernel_h, t.kernel_w, 3}, 0.01f, 0}, 4);
      o.bias_of_values({700, -1200, 0, 31, -2}, 0.05f * 0.01f);
      o.output({{1, t.h, t.w, 5}, 0.09f, 5});
      fb::Conv2DOptionsT options;
      options.padding = t.padding;
      options.stride_h = options.stride_w = t.stride;
      options.dilation_h = options.dilation_w = t.dilation;
      options.activation = t.stride == 2 ? fb::ActivationFunction::RELU6 : fb::ActivationFunction::NONE;
      o.options(options);
    });
    add("depthwise_conv_2d", B::DEPTHWISE_CONV_2D, 2, 3, [=](OneOperator& o) {
      o.input(x);
      o.operand({{1, t.kernel_h, t.kernel_w, 6}, 0.01f, 0}, 4);
      o.bias_of_values({700, -1200, 0, 31, -2, 4000}, 0.05f * 0.01f);
      o.output({{1, t.h, t.w, 6}, 0.05f, 5});
      fb::DepthwiseConv2DOptionsT options;
      options.padding = t.padding;
      options.stride_h = options.stride_w = t.stride;
      options.depth_multiplier = 2;
      options.dilation_h = options.dilation_w = t.dilation;
      o.options(options);
    });
    if (t.dilation != 1) continue;
    for (const B code : {B::AVERAGE_POOL_2D, B::MAX_POOL_2D}) {
      add(code == B::MAX_POOL_2D ? "max_pool_2d" : "average_pool_2d", code, 1, 2, [=](OneOperator& o) {
        o.input(x);
        o.output({{1, t.h, t.w, 3}});
        fb::Pool2DOptionsT options;
        options.padding = t.padding;
        options.stride_h = options.stride_w = t.stride;
        options.filter_h = t.kernel_h;
        options.filter_w = t.kernel_w;
        o.options(options);
      });
    }
  }
  add("fully_connected", B::FULLY_CONNECTED, 1, 4, [=](OneOperator& o) {
    o.input({{1, 6}});
    o.operand({{4, 6}, 0.01f, 0}, 4);
    o.output({{1, 4}, 0.07f, 5});
    o.options(fb::FullyConnectedOptionsT{});
  });
  add("softmax", B::SOFTMAX, 1, 2, [=](OneOperator& o) {
    o.input(x);
    o.output({kPlane, 1.0f / 256.0f, -128});
    fb::SoftmaxOptionsT options;
    options.beta = 1.0f;
    o.options(options);
  });
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
  for (const float scale : {0.05f, 0.3f, 0.004f}) {
    add("log_softmax", B::LOG_SOFTMAX, 1, 2, [=](OneOperator& o) {
      o.input({{1, 4, 25}, scale, -3});
      o.output({{1, 4, 25}, 16.0f / 256.0f, 127});
      o.options(fb::LogSoftmaxOptionsT{});
    });
  }
  return all;
}

}  // namespace mote::formats::test
