// Writes the fuzzer's seeds into a folder: `mote_fuzz_tflite_corpus FOLDER`.

#include <cstdio>

#include "../test_models.hpp"
#include "mote/base/file.hpp"
#include "mote/formats/tflite.hpp"

int main(int argc, char** argv) {
  using namespace mote;
  if (argc != 2) return 2;
  std::vector<graph::Graph> graphs{formats::test::every_operator(),
                                   formats::test::quantized(formats::test::every_operator(), 3)};
  for (std::size_t i = 0; i < graphs.size(); ++i) {
    const auto file = formats::write_tflite(graphs[i]);
    const auto written =
        file ? write_file(std::string(argv[1]) + "/seed" + std::to_string(i) + ".tflite", *file) : Result<void>();
    if (!file || !written) {
      std::fprintf(stderr, "seed %zu could not be written\n", i);
      return 1;
    }
  }
  return 0;
}
