#pragma once
// Element types, shapes, quantization and tensors of the graph.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::graph {

enum class DType : std::uint8_t { f32, i8, u8, i16, i32, i64 };

[[nodiscard]] std::string_view name(DType type);
[[nodiscard]] std::optional<DType> dtype_from_name(std::string_view text);
[[nodiscard]] std::size_t size_bytes(DType type);

/// Dimensions, outermost first. Activations are [N,H,W,C] (or [N,C]) with N = 1: the batch is the caller's loop.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int32_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<std::int32_t> dims) : dims_(std::move(dims)) {}

  [[nodiscard]] std::size_t rank() const { return dims_.size(); }
  [[nodiscard]] std::int32_t operator[](std::size_t i) const { return dims_[i]; }
  /// Counted from the end: back(0) is the innermost dimension (channels).
  [[nodiscard]] std::int32_t back(std::size_t i = 0) const { return dims_[dims_.size() - 1 - i]; }
  [[nodiscard]] std::span<const std::int32_t> dims() const { return dims_; }
  /// Product of the dimensions; 1 for a scalar.
  [[nodiscard]] std::size_t elements() const;
  /// "[1,28,28,1]"
  [[nodiscard]] std::string text() const;
  bool operator==(const Shape&) const = default;

 private:
  std::vector<std::int32_t> dims_;
};

/// Affine quantization: real = scale * (q - zero_point). One entry means per tensor; more mean per slice of `axis`.
/// Empty: not quantized.
struct Quantization {
  std::vector<float> scales;
  std::vector<std::int32_t> zero_points;
  std::int32_t axis = 0;

  [[nodiscard]] bool present() const { return !scales.empty(); }
  [[nodiscard]] bool per_channel() const { return scales.size() > 1; }
  [[nodiscard]] float scale() const { return scales.empty() ? 0.0f : scales.front(); }
  [[nodiscard]] std::int32_t zero_point() const { return zero_points.empty() ? 0 : zero_points.front(); }
  [[nodiscard]] static Quantization per_tensor(float scale, std::int32_t zero_point) {
    return {{scale}, {zero_point}, 0};
  }
  bool operator==(const Quantization&) const = default;
};

using TensorId = std::int32_t;
constexpr TensorId kNoTensor = -1;

/// A value that flows, or a constant (weights) when `data` is set. Constants are shared between copies of a graph,
/// never changed in place.
struct Tensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  Quantization quantization;
  std::shared_ptr<const Bytes> data;  ///< little-endian elements, row-major; null for values

  [[nodiscard]] bool is_constant() const { return data != nullptr; }
  [[nodiscard]] std::size_t size_bytes() const { return shape.elements() * graph::size_bytes(dtype); }
  /// The constant's elements; T must be dtype's C++ type.
  template <class T>
  [[nodiscard]] std::span<const T> values() const {
    MOTE_CHECK(data != nullptr && sizeof(T) == graph::size_bytes(dtype));
    return {reinterpret_cast<const T*>(data->data()), data->size() / sizeof(T)};
  }
  bool operator==(const Tensor& other) const;
};

/// A constant tensor holding `values` (copied).
template <class T>
[[nodiscard]] std::shared_ptr<const Bytes> constant_data(std::span<const T> values) {
  const ByteSpan raw = bytes_of(values);
  return std::make_shared<const Bytes>(raw.begin(), raw.end());
}

}  // namespace mote::graph
