// The operators that recurrent layers are made of: the device's portable kernels.

#include "executor_kernels.hpp"
#include "mote/graph/recurrent_params.hpp"

namespace mote::graph::executor {
namespace {

using Step = std::function<void()>;

template <class T>
const T* typed(const std::uint8_t* p) {
  return reinterpret_cast<const T*>(p);
}

}  // namespace

Step prepare_recurrent(const Graph& graph, const Op& op, const std::vector<const std::uint8_t*>& in,
                       std::uint8_t* output) {
  auto* wide = reinterpret_cast<std::int16_t*>(output);
  auto* narrow = reinterpret_cast<std::int8_t*>(output);
  if (op.as<DenseWide>() != nullptr) {
    return [g = dense_wide_geometry(graph, op), x = typed<std::int8_t>(in[0]), w = typed<std::int8_t>(in[1]), wide] {
      device::dense_wide<device::PlainSums>(g, x, w, wide);
    };
  }
  if (op.as<TimeFilter>() != nullptr) {
    return [g = time_filter_geometry(graph, op), bias = time_filter_bias(graph, op), x = typed<std::int16_t>(in[0]),
            w = typed<std::int16_t>(in[1]),
            narrow] { device::time_filter<device::PlainSums>(g, x, w, bias.data(), narrow); };
  }
  if (op.as<LstmGate>() != nullptr) {
    return [g = gate_geometry(graph, op), x = typed<std::int8_t>(in[0]), h = typed<std::int8_t>(in[1]),
            wx = typed<std::int8_t>(in[2]), wh = typed<std::int8_t>(in[3]), bias = typed<std::int32_t>(in[4]),
            wide] { device::lstm_gate<device::PlainSums>(g, x, h, wx, wh, bias, wide); };
  }
  if (op.as<LstmCell>() != nullptr) {
    return [g = cell_geometry(graph, op), forget = typed<std::int16_t>(in[0]), cell = typed<std::int16_t>(in[1]),
            input = typed<std::int16_t>(in[2]), candidate = typed<std::int16_t>(in[3]),
            wide] { device::lstm_cell(g, forget, cell, input, candidate, wide); };
  }
  return [g = hidden_geometry(graph, op), gate = typed<std::int16_t>(in[0]), cell = typed<std::int16_t>(in[1]),
          narrow] { device::lstm_hidden(g, gate, cell, narrow); };
}

}  // namespace mote::graph::executor
