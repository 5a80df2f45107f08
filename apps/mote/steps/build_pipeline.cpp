#include "steps.hpp"

namespace mote::app {

Result<pipeline::Graph> build_pipeline(const Project& project) {
  pipeline::Graph graph;
  for (const auto add : {add_import, add_train, add_quantize, add_compile, add_evaluate, add_report})
    MOTE_TRY_VOID(add(graph, project));
  return graph;
}

}  // namespace mote::app
