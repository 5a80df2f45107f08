#include "engine.hpp"

extern "C" [[gnu::visibility("default")]] const mote::train::Engine* mote_train_engine() {
  namespace engine = mote::train::engine;
  static constexpr mote::train::Engine kEngine{
      MOTE_VERSION,      engine::train,           engine::predict,          engine::evaluate,
      engine::calibrate, engine::train_quantized, engine::predict_quantized};
  return &kEngine;
}
