#include "mote/bench/mlperf.hpp"

#include <fmt/format.h>

#include <charconv>

#include "mote/base/rng.hpp"
#include "mote/board/virtual_board.hpp"

namespace mote::bench {
namespace {

constexpr std::size_t kBytesACommand = 31;  // of hexadecimal digits

/// What stands behind `begin` up to `end` in the device's answer.
Result<std::string> field(const std::string& answer, std::string_view begin, std::string_view end = "\r\n") {
  const std::size_t at = answer.find(begin);
  const std::size_t stop = at == std::string::npos ? at : answer.find(end, at + begin.size());
  if (stop == std::string::npos)
    return fail(Code::malformed, fmt::format("the device did not say {}: \"{}\"", begin, answer.substr(0, 200)));
  return answer.substr(at + begin.size(), stop - at - begin.size());
}

class Script {
 public:
  explicit Script(const std::function<Result<std::string>(const std::string&)>& exchange) : exchange_(exchange) {}

  Result<std::string> command(const std::string& text) {
    MOTE_TRY(const std::string answer, exchange_(text + "%"));
    const std::size_t at = answer.starts_with("e-[") ? 0 : answer.find("\ne-[");
    if (at != std::string::npos) {
      const std::size_t begin = answer.find('[', at) + 1;
      return fail(Code::unsupported, fmt::format("the device refused \"{}\": {}", text.substr(0, 40),
                                                 answer.substr(begin, answer.find(']', begin) - begin)));
    }
    if (!answer.ends_with("m-ready\r\n"))
      return fail(Code::malformed, fmt::format("the device did not end with m-ready: \"{}\"", answer.substr(0, 200)));
    return answer;
  }

 private:
  const std::function<Result<std::string>(const std::string&)>& exchange_;
};

Result<double> microseconds(const std::string& text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    return fail(Code::malformed, "the device gave no time: \"" + text + "\"");
  return value;
}

}  // namespace

const std::vector<MlperfModel>& mlperf_models() {
  static const std::vector<MlperfModel> models{
      {"kws01", compile::MlperfInput::int8, false, 70, 10},
      {"vww01", compile::MlperfInput::uint8, false, 20, 5},
      {"ic01", compile::MlperfInput::uint8, false, 20, 5},
      {"ad01", compile::MlperfInput::float32, true, 1500, 10},
  };
  return models;
}

Result<MlperfRun> run_mlperf_script(const std::function<Result<std::string>(const std::string&)>& exchange,
                                    ByteSpan loaded, int inferences, int warmups) {
  Script script(exchange);
  MlperfRun run;
  MOTE_TRY(const std::string name, script.command("name"));
  MOTE_TRY(run.name, field(name, "m-name-dut-[", "]"));
  MOTE_TRY(const std::string profile, script.command("profile"));
  MOTE_TRY(run.profile, field(profile, "m-profile-[", "]"));
  MOTE_TRY(run.model, field(profile, "m-model-[", "]"));
  MOTE_TRY(const std::string expects, script.command(fmt::format("db load {}", loaded.size())));
  MOTE_TRY_VOID(field(expects, fmt::format("m-[Expecting {} bytes]", loaded.size())));
  for (std::size_t at = 0; at < loaded.size(); at += kBytesACommand) {
    std::string digits = "db ";
    for (std::size_t i = at; i < std::min(at + kBytesACommand, loaded.size()); ++i)
      digits += fmt::format("{:02X}", loaded[i]);
    MOTE_TRY(const std::string answer, script.command(digits));
    if (at + kBytesACommand >= loaded.size()) MOTE_TRY_VOID(field(answer, "m-load-done"));
  }
  MOTE_TRY(const std::string answer, script.command(fmt::format("infer {} {}", inferences, warmups)));
  MOTE_TRY_VOID(field(answer, fmt::format("m-warmup-start-{}", warmups)));
  MOTE_TRY_VOID(field(answer, fmt::format("m-infer-start-{}", inferences)));
  MOTE_TRY(const std::string first, field(answer, "m-lap-us-"));
  const std::string rest = answer.substr(answer.find("m-lap-us-") + 1);
  MOTE_TRY(const std::string second, field(rest, "m-lap-us-"));
  MOTE_TRY(const double begin, microseconds(first));
  MOTE_TRY(const double end, microseconds(second));
  if (end <= begin) return fail(Code::malformed, "the device's second lap is not behind its first");
  run.microseconds = end - begin;
  run.inferences = inferences;
  MOTE_TRY(run.results, field(answer, "m-results-[", "]"));
  return run;
}

Result<MlperfRun> measure_mlperf(const compile::CompiledModel& model, const graph::Graph& graph,
                                 const board::BoardSpec& spec, const MlperfModel& benchmark, int inferences,
                                 int warmups) {
  compile::MlperfFirmware options;
  options.model = benchmark.name;
  options.input = benchmark.input;
  options.prints_error = benchmark.prints_error;
  options.input_quantization = graph.input().quantization;
  options.output_quantization = graph.output().quantization;
  if (graph.input().dtype != graph::DType::i8 || graph.output().dtype != graph::DType::i8) {
    return fail(Code::unsupported, "MLPerf Tiny's firmware runs int8 models");
  }
  MOTE_TRY(const Bytes firmware, compile::make_mlperf_firmware(model.module, spec, options));
  MOTE_TRY(auto board, board::VirtualBoard::create(spec, firmware));
  const std::size_t bytes = graph.input().size_bytes();
  Rng rng(1);
  Bytes loaded;
  for (std::size_t i = 0; i < bytes; ++i) {
    if (benchmark.input == compile::MlperfInput::float32) {
      const auto value = static_cast<float>(rng.uniform(-10.0, 10.0));
      const ByteSpan raw = bytes_of(std::span<const float>(&value, 1));
      loaded.insert(loaded.end(), raw.begin(), raw.end());
    } else {
      loaded.push_back(static_cast<std::uint8_t>(rng.next()));
    }
  }
  return run_mlperf_script(
      [&](const std::string& text) -> Result<std::string> {
        // Only the inferences need a clock.
        auto answer =
            text.starts_with("infer") ? board.exchange_measured(as_bytes(text)) : board.exchange(as_bytes(text));
        if (!answer) return fail(std::move(answer).error());
        return std::string(answer->begin(), answer->end());
      },
      loaded, inferences, warmups);
}

}  // namespace mote::bench
