#pragma once
// The accessors that protoc generates from onnx.proto, under a shorter name.

#include "onnx.pb.h"

namespace mote::formats::onnx {
namespace schema = onnx_schema;
}
