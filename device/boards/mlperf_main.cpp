// Firmware that speaks the MLPerf Tiny runner's serial protocol (performance mode): ASCII commands that end with %,
// replies in lines that end with \r\n, the last one "m-ready". One module, one arena. Facts of the protocol:
// mlcommons/tiny, benchmark/api.
//
// MOTE_MLPERF_MODEL       name of the benchmark's model, as a string literal: "kws01"
// MOTE_MLPERF_INPUT       what the runner loads: 0 int8, 1 uint8 (128 is zero), 2 float32
// MOTE_MLPERF_RESULT      what is printed: 0 each output, 1 the mean squared difference of input and output
// MOTE_INPUT_SCALE, MOTE_INPUT_ZERO, MOTE_OUTPUT_SCALE, MOTE_OUTPUT_ZERO
// MOTE_CLOCK_MHZ

#include <cstddef>
#include <cstdint>

#include "abi/module.hpp"
#include "boards/markers.hpp"
#include "boards/module_blob.hpp"
#include "boards/uart.hpp"

namespace {

using namespace mote::device;

constexpr std::size_t kCommandBytes = 80;
constexpr std::size_t kMostInputBytes = 27648;
constexpr std::size_t kElementBytes = MOTE_MLPERF_INPUT == 2 ? 4 : 1;

std::uint8_t input_buffer[kMostInputBytes];

/// Microseconds since power-on from the core's cycle counter, whose 32 bits wrap: look more often than that.
class Clock {
 public:
  void start() {
    *reinterpret_cast<volatile std::uint32_t*>(0xe000edfc) |= 1u << 24;  // DEMCR.TRCENA
    counter_[1] = 0;
    counter_[0] |= 1;
  }
  std::uint64_t microseconds() {
    const std::uint32_t now = counter_[1];
    cycles_ += now - last_;
    last_ = now;
    return cycles_ / MOTE_CLOCK_MHZ;
  }

 private:
  volatile std::uint32_t* counter_ = reinterpret_cast<volatile std::uint32_t*>(0xe0001000);  // DWT_CTRL, DWT_CYCCNT
  std::uint32_t last_ = 0;
  std::uint64_t cycles_ = 0;
};

class Runner {
 public:
  [[noreturn]] void serve() {
    uart_.start();
    clock_.start();
    print("m-timestamp-mode-performance\r\nm-init-done\r\nm-ready\r\n");
    for (;;) {
      const char c = static_cast<char>(uart_.read());
      if (c == '\r' || c == '\n') continue;
      if (c == '%') {
        command_[length_] = 0;
        obey();
        length_ = 0;
        print("m-ready\r\n");
      } else if (length_ + 1 < kCommandBytes) {
        command_[length_++] = c;
      }
    }
  }

 private:
  // ---- output
  void print(const char* text) const {
    while (*text != 0) uart_.write(static_cast<std::uint8_t>(*text++));
  }
  void print(std::uint64_t number) const {
    char digits[24];
    std::size_t n = 0;
    do {
      digits[n++] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    while (n > 0) uart_.write(static_cast<std::uint8_t>(digits[--n]));
  }
  void print_hex(std::uint8_t byte) const {
    constexpr char kDigits[] = "0123456789ABCDEF";
    uart_.write(static_cast<std::uint8_t>(kDigits[byte >> 4]));
    uart_.write(static_cast<std::uint8_t>(kDigits[byte & 15]));
  }
  /// Three decimals.
  void print(float value) const {
    if (value < 0) print("-");
    const auto thousandths = static_cast<std::uint64_t>((value < 0 ? -value : value) * 1000.0f + 0.5f);
    print(thousandths / 1000);
    print(".");
    for (std::uint32_t unit = 100; unit > 0; unit /= 10)
      uart_.write(static_cast<std::uint8_t>('0' + thousandths / unit % 10));
  }
  void lap() {
    print("m-lap-us-");
    print(clock_.microseconds());
    print("\r\n");
  }

  // ---- commands
  /// The next word of the command; empty at its end.
  const char* word() {
    while (*at_ == ' ') ++at_;
    char* begin = at_;
    while (*at_ != 0 && *at_ != ' ') ++at_;
    if (*at_ != 0) *at_++ = 0;
    return begin;
  }
  static bool same(const char* a, const char* b) {
    while (*a != 0 && *a == *b) ++a, ++b;
    return *a == *b;
  }
  /// -1: no number below 10^8.
  static std::int32_t number(const char* text) {
    std::int32_t value = 0;
    if (*text == 0) return -1;
    for (; *text != 0; ++text) {
      if (*text < '0' || *text > '9' || value > 9999999) return -1;
      value = value * 10 + (*text - '0');
    }
    return value;
  }
  static std::int32_t hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
  void refuse(const char* why, const char* what = "") const {
    print("e-[");
    print(why);
    print(what);
    print("]\r\n");
  }

  void obey() {
    at_ = command_;
    const char* name = word();
    if (same(name, "name"))
      print("m-name-dut-[mote]\r\n");
    else if (same(name, "profile"))
      print("m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[" MOTE_MLPERF_MODEL "]\r\n");
    else if (same(name, "timestamp"))
      lap();
    else if (same(name, "db"))
      buffer();
    else if (same(name, "infer"))
      infer();
    else if (same(name, "results"))
      results();
    else if (same(name, "help"))
      print("m-[help name profile timestamp db infer results]\r\n");
    else
      refuse("Unknown command: ", name);
  }

  void buffer() {
    const char* what = word();
    if (same(what, "load")) {
      const std::int32_t bytes = number(word());
      if (bytes <= 0 || static_cast<std::size_t>(bytes) > kMostInputBytes) return refuse("Bad size of the buffer");
      expected_ = static_cast<std::size_t>(bytes);
      loaded_ = 0;
      print("m-[Expecting ");
      print(static_cast<std::uint64_t>(expected_));
      return print(" bytes]\r\n");
    }
    if (same(what, "print")) return print_buffer();
    for (; what[0] != 0; what += 2) {
      const std::int32_t high = hex(what[0]), low = what[1] == 0 ? -1 : hex(what[1]);
      if (high < 0 || low < 0) return refuse("Bad hexadecimal digits: ", what);
      if (loaded_ == expected_) return refuse("More bytes than expected");
      buffer_[loaded_++] = static_cast<std::uint8_t>(high * 16 + low);
      if (loaded_ == expected_) print("m-load-done\r\n");
    }
  }
  void print_buffer() const {
    constexpr std::size_t kLine = 8;
    for (std::size_t i = 0; i < loaded_; ++i) {
      print(i % kLine == 0 ? "m-buffer-" : "-");
      print_hex(buffer_[i]);
      if (i % kLine == kLine - 1 || i + 1 == loaded_) print("\r\n");
    }
  }

  /// What the runner loaded, as the model takes it.
  bool load_input() const {
    const std::size_t elements = header().input_bytes;
    if (loaded_ != elements * kElementBytes) return false;
    auto* input = reinterpret_cast<std::int8_t*>(mote_arena + header().input_offset);
    for (std::size_t i = 0; i < elements; ++i) {
      if constexpr (MOTE_MLPERF_INPUT == 0) input[i] = static_cast<std::int8_t>(buffer_[i]);
      if constexpr (MOTE_MLPERF_INPUT == 1) input[i] = static_cast<std::int8_t>(buffer_[i] - 128);
      if constexpr (MOTE_MLPERF_INPUT == 2) {
        float value;
        __builtin_memcpy(&value, buffer_ + 4 * i, 4);
        const float scaled = value / MOTE_INPUT_SCALE + (value < 0 ? -0.5f : 0.5f);
        const std::int32_t q = static_cast<std::int32_t>(scaled < -1000.0f  ? -1000.0f
                                                         : scaled > 1000.0f ? 1000.0f
                                                                            : scaled) +
                               MOTE_INPUT_ZERO;
        input[i] = static_cast<std::int8_t>(q < -128 ? -128 : q > 127 ? 127 : q);
      }
    }
    return true;
  }

  bool run() const {
    if (!load_input()) return false;
    mote_infer_begin();
    const std::int32_t status = entry()(mote_arena);
    mote_infer_end();
    return status == 0;
  }

  void infer() {
    const std::int32_t count = number(word());
    const char* given = word();
    const std::int32_t warmups = *given == 0 ? 0 : number(given);
    if (count <= 0 || warmups < 0) return refuse("Bad number of inferences");
    if (loaded_ != header().input_bytes * kElementBytes) return refuse("The input is not loaded");
    reset_module();
    print("m-warmup-start-");
    print(static_cast<std::uint64_t>(warmups));
    print("\r\n");
    for (std::int32_t i = 0; i < warmups; ++i) {
      if (!run()) return refuse("The model failed");
    }
    print("m-warmup-done\r\nm-infer-start-");
    print(static_cast<std::uint64_t>(count));
    print("\r\n");
    lap();
    for (std::int32_t i = 0; i < count; ++i) {
      if (!run()) return refuse("The model failed");
    }
    lap();
    print("m-infer-done\r\n");
    results();
  }

  void results() const {
    const auto* output = reinterpret_cast<const std::int8_t*>(mote_arena + header().output_offset);
    print("m-results-[");
    if constexpr (MOTE_MLPERF_RESULT == 1) {
      // The input may be gone from the arena: from the buffer.
      float sum = 0;
      for (std::size_t i = 0; i < header().output_bytes; ++i) {
        float value = 0;
        if (4 * i + 4 <= loaded_) __builtin_memcpy(&value, buffer_ + 4 * i, 4);
        const float difference = value - MOTE_OUTPUT_SCALE * static_cast<float>(output[i] - MOTE_OUTPUT_ZERO);
        sum += difference * difference;
      }
      print(sum / static_cast<float>(header().output_bytes));
    } else {
      for (std::size_t i = 0; i < header().output_bytes; ++i) {
        if (i > 0) print(",");
        print(MOTE_OUTPUT_SCALE * static_cast<float>(output[i] - MOTE_OUTPUT_ZERO));
      }
    }
    print("]\r\n");
  }

  Uart uart_;
  Clock clock_;
  char command_[kCommandBytes] = {};
  char* at_ = command_;
  std::size_t length_ = 0, expected_ = 0, loaded_ = 0;
  std::uint8_t* const buffer_ = input_buffer;
};

}  // namespace

extern "C" [[noreturn]] void mote_main();

extern "C" void mote_main() {
  Runner runner;
  runner.serve();
}
