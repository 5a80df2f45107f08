// TensorFlow Lite Micro as a peer.
//
// PEER_OPS   the operators of the model, each as OP(ADD_FUNCTION, REGISTRATION)

#include <new>

#include "../peer.hpp"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace mote::peer {
namespace {

#define OP(add, registration) +1
constexpr unsigned kOps = 0 PEER_OPS;
#undef OP
using Resolver = tflite::MicroMutableOpResolver<kOps>;

// Made in start(): nobody runs global constructors, and nothing is ever taken apart.
alignas(Resolver) std::uint8_t resolver_memory[sizeof(Resolver)];
alignas(tflite::MicroInterpreter) std::uint8_t interpreter_memory[sizeof(tflite::MicroInterpreter)];
tflite::MicroInterpreter* interpreter = nullptr;

constexpr std::uint32_t kResolverFull = 1, kAllocation = 2, kSeveralTensors = 3, kInvocation = 4;

}  // namespace

std::uint32_t start(Peer& peer, const std::uint8_t* model, std::uint8_t* arena, std::size_t arena_bytes) {
  auto& resolver = *new (resolver_memory) Resolver;
#define OP(add, registration) \
  if (resolver.add(tflite::registration()) != kTfLiteOk) return kResolverFull;
  PEER_OPS
#undef OP
  interpreter =
      new (interpreter_memory) tflite::MicroInterpreter(tflite::GetModel(model), resolver, arena, arena_bytes);
  if (interpreter->AllocateTensors() != kTfLiteOk) return kAllocation;
  if (interpreter->inputs_size() != 1 || interpreter->outputs_size() != 1) return kSeveralTensors;
  TfLiteTensor *input = interpreter->input(0), *output = interpreter->output(0);
  peer.input = input->data.uint8;
  peer.input_bytes = static_cast<std::uint32_t>(input->bytes);
  peer.output = output->data.uint8;
  peer.output_bytes = static_cast<std::uint32_t>(output->bytes);
  peer.arena_bytes = static_cast<std::uint32_t>(interpreter->arena_used_bytes());
  return 0;
}

std::uint32_t invoke() { return interpreter->Invoke() == kTfLiteOk ? 0 : kInvocation; }

}  // namespace mote::peer

// What is linked and never called: destructors, and what stops a program that has lost its way.
void operator delete(void*) noexcept {}
void operator delete(void*, std::size_t) noexcept {}
extern "C" [[noreturn]] void abort() {
  for (;;) {
  }
}
