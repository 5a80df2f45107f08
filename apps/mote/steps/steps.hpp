#pragma once
// The concrete steps of `mote run`, from a project's settings to a pipeline: import -> train -> quantize -> compile ->
// evaluate -> report.

#include "mote/pipeline/graph.hpp"
#include "project.hpp"

namespace mote::app {

/// The whole pipeline of a project.
[[nodiscard]] Result<pipeline::Graph> build_pipeline(const Project& project);

// One function a step, one file each. The project outlives the steps.
[[nodiscard]] Result<void> add_import(pipeline::Graph& graph, const Project& project);
[[nodiscard]] Result<void> add_train(pipeline::Graph& graph, const Project& project);
[[nodiscard]] Result<void> add_quantize(pipeline::Graph& graph, const Project& project);
[[nodiscard]] Result<void> add_compile(pipeline::Graph& graph, const Project& project);
[[nodiscard]] Result<void> add_evaluate(pipeline::Graph& graph, const Project& project);
[[nodiscard]] Result<void> add_report(pipeline::Graph& graph, const Project& project);

}  // namespace mote::app
