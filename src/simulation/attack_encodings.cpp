// Bytes that say the same in another way, or nothing: what has two encodings has none on a device.

#include <algorithm>

#include "attack_stage.hpp"

namespace mote::simulation {
namespace {

using update::CborType;

CborValue number(std::int64_t value) { return CborValue::integer(value); }

/// Where the items of an envelope begin: tag (2 bytes), map head (1), key 2, wrapper, key 3, manifest, name, payload.
struct Places {
  std::size_t map = 2, wrapper = 4, manifest_key = 0, manifest = 0, name = 0, payload = 0, content = 0;
};

Places places(ByteSpan bundle) {
  Places at;
  update::CborReader reader({bundle.data(), bundle.size()});
  reader.tag();
  at.map = reader.offset();
  reader.map();
  reader.unsigned_int();
  at.wrapper = reader.offset();
  reader.bytes();
  at.manifest_key = reader.offset();
  reader.unsigned_int();
  at.manifest = reader.offset();
  reader.bytes();
  at.name = reader.offset();
  reader.text();
  at.payload = reader.offset();
  reader.head();
  at.content = reader.offset();
  return at;
}

using Edit = std::function<void(Bytes&, const Places&)>;

void put(Bytes& bytes, std::size_t at, std::size_t erase, const Bytes& insert) {
  const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  bytes.erase(from, from + static_cast<std::ptrdiff_t>(erase));
  bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), insert.begin(), insert.end());
}

/// The head at `at` in the longest form.
void lengthen(Bytes& bytes, std::size_t at) {
  update::CborReader reader({bytes.data() + at, bytes.size() - at});
  const update::CborHead head = reader.head();
  Bytes longest{static_cast<std::uint8_t>(static_cast<unsigned>(head.type) << 5 | 27u)};
  for (int shift = 56; shift >= 0; shift -= 8) longest.push_back(static_cast<std::uint8_t>(head.value >> shift));
  put(bytes, at, reader.offset(), longest);
}

void add_envelopes(Attacks& all) {
  const auto edited = [&](const char* what, Status expected, Edit edit) {
    all.push_back(refused(std::string("confused encoding: ") + what, expected, [edit](const Stage& s) {
      Bytes bundle = s.bundle(11);
      edit(bundle, places(bundle));
      return bundle;
    }));
  };
  edited("tag missing", Status::malformed, [](Bytes& b, const Places&) { put(b, 0, 2, {}); });
  edited("tag twice", Status::malformed, [](Bytes& b, const Places&) { put(b, 0, 0, {0xd8, 107}); });
  edited("another tag", Status::malformed, [](Bytes& b, const Places&) { b[1] = 108; });
  edited("tag of a report", Status::malformed, [](Bytes& b, const Places&) { put(b, 0, 2, {0xd1}); });
  edited("self-described CBOR", Status::malformed, [](Bytes& b, const Places&) { put(b, 0, 0, {0xd9, 0xd9, 0xf7}); });
  edited("a long tag", Status::not_canonical, [](Bytes& b, const Places&) { put(b, 0, 2, {0xd9, 0, 107}); });
  edited("a map without end", Status::malformed, [](Bytes& b, const Places& at) {
    b[at.map] = 0xbf;
    b.push_back(0xff);
  });
  edited("an array in place of the map", Status::malformed, [](Bytes& b, const Places& at) { b[at.map] = 0x86; });
  edited("a map of two", Status::malformed, [](Bytes& b, const Places& at) { b[at.map] = 0xa2; });
  edited("a map of four", Status::malformed, [](Bytes& b, const Places& at) {
    b[at.map] = 0xa4;
    put(b, b.size(), 0, {0x61, 'x', 0x40});
  });
  edited("a map of 2^64 - 1", Status::malformed, [](Bytes& b, const Places& at) {
    put(b, at.map, 1, {0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  });
  edited("a long map head", Status::not_canonical, [](Bytes& b, const Places& at) { lengthen(b, at.map); });
  edited("wrapper as text", Status::malformed,
         [](Bytes& b, const Places& at) { b[at.wrapper] = static_cast<std::uint8_t>(b[at.wrapper] | 0x20); });
  edited("a long wrapper head", Status::not_canonical, [](Bytes& b, const Places& at) { lengthen(b, at.wrapper); });
  edited("a wrapper in pieces", Status::malformed, [](Bytes& b, const Places& at) {
    put(b, at.manifest_key, 0, {0xff});
    put(b, at.wrapper, 0, {0x5f});
  });
  edited("manifest before the wrapper", Status::malformed, [](Bytes& b, const Places& at) {
    std::rotate(b.begin() + 3, b.begin() + static_cast<std::ptrdiff_t>(at.manifest_key),
                b.begin() + static_cast<std::ptrdiff_t>(at.name));
  });
  edited("wrapper twice", Status::malformed, [](Bytes& b, const Places& at) {
    const Bytes again(b.begin() + 3, b.begin() + static_cast<std::ptrdiff_t>(at.manifest_key));
    put(b, at.manifest_key, 0, again);
    b[at.map] = 0xa4;
  });
  edited("a long key", Status::not_canonical, [](Bytes& b, const Places& at) { lengthen(b, at.manifest_key); });
  edited("a negative key", Status::malformed, [](Bytes& b, const Places& at) { b[at.manifest_key] = 0x22; });
  edited("manifest as text", Status::digest_mismatch,
         [](Bytes& b, const Places& at) { b[at.manifest] = static_cast<std::uint8_t>(b[at.manifest] | 0x20); });
  edited("a manifest without its wrapping", Status::digest_mismatch, [](Bytes& b, const Places& at) {
    update::CborReader reader({b.data() + at.manifest, b.size() - at.manifest});
    reader.head();
    put(b, at.manifest, reader.offset(), {});
  });
  edited("a long manifest head", Status::not_canonical, [](Bytes& b, const Places& at) { lengthen(b, at.manifest); });
  edited("a manifest longer than the parcel", Status::truncated, [](Bytes& b, const Places& at) {
    put(b, at.manifest, 3, {0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
    b.resize(1000);
  });
  edited("payload named by bytes", Status::malformed,
         [](Bytes& b, const Places& at) { b[at.name] = static_cast<std::uint8_t>(b[at.name] & ~0x20u); });
  edited("payload of another name", Status::malformed, [](Bytes& b, const Places& at) { b[at.name + 3] ^= 1; });
  edited("payload as text", Status::malformed,
         [](Bytes& b, const Places& at) { b[at.payload] = static_cast<std::uint8_t>(b[at.payload] | 0x20); });
  edited("a long payload head", Status::not_canonical, [](Bytes& b, const Places& at) { lengthen(b, at.payload); });
  edited("a payload without end", Status::malformed, [](Bytes& b, const Places& at) { b[at.payload] = 0x5f; });
  edited("a payload of nothing", Status::malformed,
         [](Bytes& b, const Places& at) { put(b, at.payload, b.size() - at.payload, {0xf6}); });

  // Bits of each part, and cuts at each part.
  const std::tuple<const char*, Status, std::function<std::size_t(const Bytes&, const Places&)>> kFlips[] = {
      {"in the digest's algorithm", Status::malformed, [](const Bytes&, const Places& at) { return at.wrapper + 4; }},
      {"in the digest", Status::digest_mismatch, [](const Bytes&, const Places& at) { return at.wrapper + 10; }},
      {"in the manifest's first bytes", Status::digest_mismatch,
       [](const Bytes&, const Places& at) { return at.manifest + 3; }},
      {"in the sequence number", Status::digest_mismatch,
       [](const Bytes&, const Places& at) { return at.manifest + 7; }},
      {"in the manifest's last byte", Status::digest_mismatch,
       [](const Bytes&, const Places& at) { return at.name - 1; }},
      {"in the payload's first byte", Status::digest_mismatch,
       [](const Bytes&, const Places& at) { return at.content; }},
      {"in the payload's middle", Status::digest_mismatch,
       [](const Bytes& b, const Places& at) { return (at.content + b.size()) / 2; }},
      {"in the payload's last byte", Status::digest_mismatch,
       [](const Bytes& b, const Places&) { return b.size() - 1; }},
  };
  for (const auto& [what, expected, place] : kFlips) {
    all.push_back(refused(std::string("bit-flipped: ") + what, expected, [place = place](const Stage& s) {
      Bytes bundle = s.bundle(11);
      bundle[place(bundle, places(bundle))] ^= 0x04;
      return bundle;
    }));
  }
  const std::pair<const char*, std::function<std::size_t(const Bytes&, const Places&)>> kCuts[] = {
      {"after a byte", [](const Bytes&, const Places&) { return std::size_t{1}; }},
      {"within the wrapper", [](const Bytes&, const Places& at) { return at.wrapper + 20; }},
      {"behind the wrapper", [](const Bytes&, const Places& at) { return at.manifest_key; }},
      {"within the manifest", [](const Bytes&, const Places& at) { return at.manifest + 50; }},
      {"behind the head", [](const Bytes&, const Places& at) { return at.content; }},
      {"a byte before its end", [](const Bytes& b, const Places&) { return b.size() - 1; }},
  };
  for (const auto& [what, place] : kCuts) {
    all.push_back(refused(std::string("truncated: ") + what, Status::truncated, [place = place](const Stage& s) {
      Bytes bundle = s.bundle(11);
      bundle.resize(place(bundle, places(bundle)));
      return bundle;
    }));
  }
  all.push_back(scripted("truncated: at every byte of the head", false, [](Stage& s) -> std::string {
    const Bytes bundle = s.bundle(11);
    const std::size_t head = places(bundle).content;
    for (std::size_t size = 0; size <= head; ++size) {
      const Status status = s.give(ByteSpan(bundle).first(size), Delivery::card);
      if (status != Status::truncated) return std::to_string(size) + " bytes: " + name(status);
    }
    return s.running() == kFactorySequence ? "" : "another module runs";
  }));
  all.push_back(scripted("bit-flipped: each byte of the head", false, [](Stage& s) -> std::string {
    const Bytes bundle = s.bundle(11);
    const std::size_t head = places(bundle).content;
    for (std::size_t at = 0; at < head; ++at) {
      Bytes spoiled = bundle;
      spoiled[at] = static_cast<std::uint8_t>(spoiled[at] ^ (1u << (at % 8)));
      const Status status = s.give(spoiled, Delivery::card);
      if (status == Status::ok || status == Status::waiting || s.running() != kFactorySequence)
        return "byte " + std::to_string(at) + ": " + name(status);
    }
    return "";
  }));
}

void add_manifest_encodings(Attacks& all) {
  const auto changed = [&](const char* what, Status expected, std::function<void(Manifest&)> change) {
    all.push_back(refused(std::string("confused manifest: ") + what, expected,
                          [change](const Stage& s) { return s.changed(change); }));
  };
  changed("keys out of order", Status::not_canonical, [](Manifest& m) {
    std::swap(m.map.items[0], m.map.items[2]);
    std::swap(m.map.items[1], m.map.items[3]);
  });
  changed("sequence number twice", Status::not_canonical, [](Manifest& m) {
    m.map.items.insert(m.map.items.begin() + 4, {number(2), number(999)});
  });
  changed("a key as text", Status::malformed, [](Manifest& m) { m.map.items[2] = CborValue::text("2"); });
  changed("version 2", Status::unsupported_version, [](Manifest& m) { *m.map.find(1) = number(2); });
  changed("version 0", Status::unsupported_version, [](Manifest& m) { *m.map.find(1) = number(0); });
  changed("sequence number 0", Status::malformed, [](Manifest& m) { *m.map.find(2) = number(0); });
  changed("a negative sequence number", Status::malformed, [](Manifest& m) { *m.map.find(2) = number(-1); });
  changed("sequence number as text", Status::malformed, [](Manifest& m) { *m.map.find(2) = CborValue::text("11"); });
  changed("sequence number as a big number", Status::malformed, [](Manifest& m) {
    *m.map.find(2) = {CborType::tag, 2, {}, {CborValue::bytes_of(Bytes{11})}, {}};
  });
  changed("common not wrapped", Status::malformed, [](Manifest& m) {
    const CborValue inside = m.common();
    *m.map.find(3) = inside;
  });
  changed("common wrapped twice", Status::malformed, [](Manifest& m) {
    const Bytes once = package::write_cbor(m.common());
    *m.map.find(3) = CborValue::bytes_of(package::write_cbor(CborValue::bytes_of(once)));
  });
  changed("bytes behind common", Status::trailing_bytes, [](Manifest& m) {
    Bytes inside = package::write_cbor(m.common());
    inside.push_back(0);
    *m.map.find(3) = CborValue::bytes_of(inside);
  });
  changed("bytes behind install", Status::trailing_bytes, [](Manifest& m) {
    Bytes inside = package::write_cbor(m.install());
    inside.push_back(0xf6);
    *m.map.find(20) = CborValue::bytes_of(inside);
  });
  changed("install cut", Status::truncated, [](Manifest& m) {
    Bytes inside = package::write_cbor(m.install());
    inside.pop_back();
    *m.map.find(20) = CborValue::bytes_of(inside);
  });
  changed("install as a map", Status::malformed, [](Manifest& m) { m.install() = map_of({}); });
  changed("install of nothing", Status::malformed, [](Manifest& m) { m.install().items.clear(); });
  changed("parameters out of order", Status::not_canonical, [](Manifest& m) {
    CborValue& values = Manifest::parameters(m.install(), 0);
    std::swap(values.items[0], values.items[2]);
    std::swap(values.items[1], values.items[3]);
  });
  changed("a digest not wrapped", Status::malformed, [](Manifest& m) {
    CborValue& digest = *Manifest::parameters(m.install(), 0).find(3);
    digest = package::read_cbor(digest.bytes).value();
  });
  changed("a size as a float", Status::malformed, [](Manifest& m) {
    Bytes inside = package::write_cbor(m.install());
    // 14: size -> a half-precision float in place of the three-byte number
    const Bytes wanted{14, 0x19};
    const auto at = std::search(inside.begin(), inside.end(), wanted.begin(), wanted.end());
    MOTE_CHECK(at != inside.end());
    at[1] = 0xf9;
    *m.map.find(20) = CborValue::bytes_of(inside);
  });
  changed("a size in the long form", Status::not_canonical, [](Manifest& m) {
    Bytes inside = package::write_cbor(m.install());
    const Bytes wanted{14, 0x19};
    const auto at = std::search(inside.begin(), inside.end(), wanted.begin(), wanted.end());
    MOTE_CHECK(at != inside.end());
    lengthen(inside, static_cast<std::size_t>(at - inside.begin()) + 1);
    *m.map.find(20) = CborValue::bytes_of(inside);
  });
  changed("requirements not wrapped", Status::malformed, [](Manifest& m) {
    const CborValue inside = m.requirements();
    *Manifest::parameters(m.shared()).find(-300) = inside;
  });
  changed("requirements out of order", Status::not_canonical, [](Manifest& m) {
    CborValue& values = m.requirements();
    std::swap(values.items[0], values.items[2]);
    std::swap(values.items[1], values.items[3]);
  });
  changed("a head above its limit", Status::too_large, [](Manifest& m) {
    for (int i = 0; i < 600; ++i) {
      m.install().items.push_back(number(12));
      m.install().items.push_back(number(1));
    }
  });
}

void add_messages(Attacks& all) {
  const auto parcel = [&](const char* what, Status expected, Bytes bytes) {
    all.push_back(refused(std::string("no message: ") + what, expected, [bytes](const Stage&) { return bytes; }));
  };
  parcel("zeros", Status::malformed, Bytes(2000, 0));
  parcel("ones", Status::malformed, Bytes(2000, 0xff));
  parcel("a module as it is", Status::malformed, {});
  all.back().parcel = [](const Stage& s) { return s.models.second.module; };
  parcel("a parcel within a byte string", Status::malformed, {});
  all.back().parcel = [](const Stage& s) { return package::write_cbor(CborValue::bytes_of(s.bundle(11))); };
  {
    Bytes nested(900, 0x81);
    nested[0] = 0xd2;
    parcel("arrays nested 899 deep", Status::truncated, nested);
    nested.resize(4000, 0x81);
    parcel("arrays nested 3999 deep", Status::too_large, nested);
  }
  parcel("an array of 2^64 - 1", Status::truncated, {0xd2, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
  parcel("a string of 2^63", Status::truncated, {0xd2, 0x84, 0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0});
  parcel("a map of 2^63", Status::truncated, {0xd8, 98, 0xbb, 0x80, 0, 0, 0, 0, 0, 0, 0});
  parcel("a statement larger than its limit", Status::too_large, {});
  all.back().parcel = [](const Stage&) {
    Bytes bytes =
        package::write_cbor({CborType::tag, 18, {}, {CborValue::array({CborValue::bytes_of(Bytes(2000))})}, {}});
    return bytes;
  };
  Attack trailing = refused("trailing bytes: behind a good statement", Status::malformed, [](const Stage& s) {
    return Stage::join({s.cast.time_message(kNow), Bytes{0, 0, 0}});
  });
  trailing.takes_time = true;
  all.push_back(trailing);
}

}  // namespace

void add_encodings(Attacks& all) {
  add_envelopes(all);
  add_manifest_encodings(all);
  add_messages(all);
}

}  // namespace mote::simulation
