#pragma once
// Learning curves as JSON: written by train and quantize, read by report.

#include <nlohmann/json.hpp>

#include "mote/train/train.hpp"

namespace mote::app {

[[nodiscard]] inline nlohmann::ordered_json curves_json(const train::TrainResult& result) {
  nlohmann::ordered_json json{{"warnings", result.warnings}, {"stopped_early", result.stopped_early}};
  json["epochs"] = nlohmann::ordered_json::array();
  for (const train::Epoch& e : result.curves) {
    json["epochs"].push_back({{"loss", e.loss},
                              {"accuracy", e.accuracy},
                              {"learning_rate", e.learning_rate},
                              {"validation_loss", e.validation_loss},
                              {"validation_accuracy", e.validation_accuracy},
                              {"seconds", e.seconds}});
  }
  return json;
}

}  // namespace mote::app
