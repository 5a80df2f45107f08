// Seeds for the fuzz targets of this folder: one folder a target below the given one. Those of courier_parcel are
// device_parcel's, which fuzz_package_corpus writes.

#include <cstdio>
#include <string>

#include "mote/base/file.hpp"

using namespace mote;

namespace {

class Corpus {
 public:
  explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void add(const std::string& target, std::uint8_t first, ByteSpan rest) {
    Bytes bytes{first};
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    add(target, bytes);
  }
  void add(const std::string& target, std::uint8_t first, std::string_view rest) { add(target, first, as_bytes(rest)); }
  void add(const std::string& target, const Bytes& bytes) {
    std::filesystem::create_directories(folder_ / target);
    if (!write_file(folder_ / target / std::to_string(count_++), bytes)) std::abort();
  }

 private:
  std::filesystem::path folder_;
  int count_ = 0;
};

void write_queries(Corpus& corpus) {
  for (const char* range : {"bytes=0-9", "bytes=5-", "bytes=-7", "bytes=3-99999999999999999999", "Bytes=0-0,2-3"})
    for (const std::uint8_t size : {0x50, 0xf6}) corpus.add("server_query", size, range);
  const std::string id(32, 'a'), digest(64, '5');
  corpus.add("server_query", 1, "sequence=7&vendor=" + id + "&class=" + id);
  corpus.add("server_query", 1, "sequence=18446744073709551615&device=" + id + "&base=" + digest);
  corpus.add("server_query", 1, "vendor=01234567-89ab-cdef-0123-456789abcdef&x&y=1");
}

void write_options(Corpus& corpus) {
  // CON GET /parcels/a?sequence=7 of block 2, and with a tag.
  const Bytes block{0x41, 0x01, 0x12, 0x34, 0x55, 0xb7, 'p', 'a', 'r', 'c', 'e', 'l', 's',  0x01,
                    'a',  0x4a, 's',  'e',  'q',  'u',  'e', 'n', 'c', 'e', '=', '7', 0x81, 0x26};
  const Bytes tagged{0x40, 0x01, 0x12, 0x35, 0x48, 1, 2, 3, 4, 5, 6, 7, 8, 0x77, 'p', 'a', 'r', 'c', 'e', 'l', 's'};
  corpus.add("server_options", block);
  corpus.add("server_options", tagged);
}

/// A report in two blocks of 128 bytes, then one in none, from two senders.
void write_reports(Corpus& corpus) {
  Bytes requests;
  const auto add = [&](std::uint8_t sender, const Bytes& options, std::size_t size) {
    Bytes request{0x40, 0x02, 0x12, 0x36};
    request.insert(request.end(), options.begin(), options.end());
    request.push_back(0xff);
    request.resize(request.size() + size, 0xd1);
    requests.push_back(sender);
    requests.push_back(static_cast<std::uint8_t>(request.size()));
    requests.insert(requests.end(), request.begin(), request.end());
  };
  add(1, {0xd1, 14, 0x0b}, 128);
  add(1, {0xd1, 14, 0x13}, 70);
  add(2, {}, 190);
  corpus.add("server_reports", requests);
}

void write_lists(Corpus& corpus) {
  const std::string digest(64, 'c');
  const std::string entry = R"({"name":"a","sequence":7,"bytes":900,"digest":")" + digest + R"(","base":)";
  corpus.add("client_lists", 1, "[" + entry + "null}," + entry + "\"" + digest + "\"}]\n");
  corpus.add("client_lists", 1, "[]");
  corpus.add("client_lists", 2, R"({"status":"ok","new":true})");
  corpus.add("client_lists", 2, R"({"status":"bad_signature","new":false})");
  Bytes list{0x82};
  for (const bool is_delta : {false, true}) {
    list.insert(list.end(), {0x85, 0x61, 'a', 0x07, 0x19, 0x03, 0x84, 0x58, 32});
    list.insert(list.end(), 32, 0xcc);
    if (is_delta) list.insert(list.end(), {0x58, 32});
    list.insert(list.end(), is_delta ? 32 : 1, is_delta ? 0xdd : 0xf6);
  }
  corpus.add("client_lists", 0, list);
}

void write_visits(Corpus& corpus) {
  const auto answer = [](Bytes& to, const Bytes& body) {
    to.push_back(static_cast<std::uint8_t>(body.size()));
    to.insert(to.end(), body.begin(), body.end());
  };
  Bytes who, report, held;
  answer(who, Bytes(37));
  answer(who, Bytes(101));
  answer(report, Bytes(190));
  for (std::uint8_t offset = 0; offset < 96; offset = static_cast<std::uint8_t>(offset + 32)) {
    Bytes body{0, offset, 0, 0, 0, 96, 0, 0, 0};
    body.resize(9 + 32);
    answer(held, body);
  }
  corpus.add("client_serial", 0, who);
  corpus.add("client_serial", 1, report);
  corpus.add("client_serial", 2, held);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_fleet_corpus FOLDER\n");
    return 2;
  }
  Corpus corpus(argv[1]);
  write_queries(corpus);
  write_options(corpus);
  write_reports(corpus);
  write_lists(corpus);
  write_visits(corpus);
  return 0;
}
