#include "sandbox.hpp"

#include <cstdlib>
#include <stdexcept>

#include "mote/base/hash.hpp"
#include "sample_files.hpp"
#include "sample_models.hpp"

namespace mote::e2e {
namespace {

namespace fs = std::filesystem;

/// In memory where there is such a place: every dataset is synced, and there are many.
TemporaryFolder make_folder() {
  if (fs::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 0);
  return TemporaryFolder::create("mote-e2e").value();
}

}  // namespace

Sandbox::Sandbox() : temporary_(make_folder()) {
  for (const auto& [file, bytes] : sample_files()) put(file, bytes);
  for (const auto& [file, text] : sample_models()) put(file, text);
}

void Sandbox::put(const std::string& file, ByteSpan bytes) const {
  const auto written = write_file(folder() / file, bytes);
  if (!written) throw std::runtime_error(written.error().message());
}

Bytes Sandbox::get(const std::string& file) const { return read_file(folder() / file).value(); }

ProcessResult Sandbox::run(const std::vector<std::string>& arguments) const {
  auto result = run_process(arguments, {.folder = folder(), .input = {}, .timeout = std::chrono::minutes(2)});
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

ProcessResult Sandbox::mote(const std::vector<std::string>& arguments, const std::vector<std::string>& wrapper) const {
  std::vector<std::string> all = wrapper;
  all.emplace_back(MOTE_BINARY);
  all.insert(all.end(), arguments.begin(), arguments.end());
  return run(all);
}

Snapshot Sandbox::snapshot() const {
  Snapshot files;
  for (const auto& entry : fs::recursive_directory_iterator(folder())) {
    if (!entry.is_regular_file()) continue;
    const auto digest = sha256_file(entry.path());
    files[entry.path().lexically_relative(folder()).generic_string()] = digest ? digest->hex() : "unreadable";
  }
  return files;
}

std::vector<std::string> split_command(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c != ' ') {
      word += c;
      open = true;
    } else if (open) {
      words.push_back(std::move(word));
      word.clear();
      open = false;
    }
  }
  if (open) words.push_back(std::move(word));
  return words;
}

}  // namespace mote::e2e
