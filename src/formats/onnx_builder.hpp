#pragma once
// ONNX files for tests, written field by field.

#include <string>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/rng.hpp"
#include "onnx.pb.h"

namespace mote::formats::test {

namespace schema = onnx_schema;

/// ONNX's numbers of element types.
enum ElementType { kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kBool = 9 };

class OnnxBuilder {
 public:
  OnnxBuilder() {
    file_.set_ir_version(8);
    opset("", 13);
    graph().set_name("built");
  }
  schema::Graph& graph() { return *file_.mutable_graph(); }
  schema::Model& file() { return file_; }
  void opset(const std::string& domain, std::int64_t version) {
    auto& set = *file_.add_opset_import();
    set.set_domain(domain);
    set.set_version(version);
  }
  void value(bool input, const std::string& name, const std::vector<std::int64_t>& dims, int element_type = kFloat) {
    auto& info = input ? *graph().add_input() : *graph().add_output();
    info.set_name(name);
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(element_type);
    for (const std::int64_t d : dims) {
      if (d > 0)
        type.mutable_shape()->add_dim()->set_dim_value(d);
      else
        type.mutable_shape()->add_dim()->set_dim_param("batch");
    }
  }
  void weights(const std::string& name, const std::vector<std::int64_t>& dims) {
    auto& t = constant(name, dims, kFloat);
    for (std::int64_t i = 0; i < elements(dims); ++i) t.add_float_data(static_cast<float>(rng_.uniform(-0.4, 0.4)));
  }
  /// Whole numbers of [low, high].
  void random(const std::string& name, const std::vector<std::int64_t>& dims, int element_type, int low, int high) {
    auto& t = constant(name, dims, element_type);
    for (std::int64_t i = 0; i < elements(dims); ++i) {
      const auto v = static_cast<std::int32_t>(rng_.between(low, high));
      element_type == kInt64 ? t.add_int64_data(v) : t.add_int32_data(v);
    }
  }
  /// One number: no dimensions. More: one dimension.
  void numbers(const std::string& name, const std::vector<float>& values) {
    auto& t = constant(name, dims_of(values.size()), kFloat);
    for (const float v : values) t.add_float_data(v);
  }
  void numbers(const std::string& name, const std::vector<std::int32_t>& values, int element_type) {
    auto& t = constant(name, dims_of(values.size()), element_type);
    for (const std::int32_t v : values) element_type == kInt64 ? t.add_int64_data(v) : t.add_int32_data(v);
  }
  schema::Node& node(const std::string& type, const std::vector<std::string>& inputs, const std::string& output) {
    auto& n = *graph().add_node();
    n.set_op_type(type);
    n.set_name(output + "_node");
    for (const std::string& i : inputs) n.add_input(i);
    n.add_output(output);
    return n;
  }
  static void set(schema::Node& node, const std::string& name, const std::vector<std::int64_t>& values) {
    auto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(7);
    for (const std::int64_t v : values) a.add_ints(v);
  }
  static void set_one(schema::Node& node, const std::string& name, std::int64_t value) {
    auto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(2);
    a.set_i(value);
  }
  static void set_real(schema::Node& node, const std::string& name, float value) {
    auto& a = *node.add_attribute();
    a.set_name(name);
    a.set_type(1);
    a.set_f(value);
  }
  Bytes bytes() const {
    const std::string text = file_.SerializeAsString();
    return {text.begin(), text.end()};
  }

 private:
  static std::vector<std::int64_t> dims_of(std::size_t count) {
    return count == 1 ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{static_cast<std::int64_t>(count)};
  }
  static std::int64_t elements(const std::vector<std::int64_t>& dims) {
    std::int64_t n = 1;
    for (const std::int64_t d : dims) n *= d;
    return n;
  }
  schema::Tensor& constant(const std::string& name, const std::vector<std::int64_t>& dims, int element_type) {
    auto& t = *graph().add_initializer();
    t.set_name(name);
    t.set_data_type(element_type);
    for (const std::int64_t d : dims) t.add_dims(d);
    return t;
  }

  schema::Model file_;
  Rng rng_{7};
};

}  // namespace mote::formats::test
