// What travels behind a good head: payloads of others, cut or longer ones, deltas that do not apply, content that is
// encrypted for others or changed.

#include <algorithm>

#include "attack_stage.hpp"
#include "mote/package/delta.hpp"
#include "mote/package/encryption.hpp"

namespace mote::simulation {
namespace {

CborValue number(std::int64_t value) { return CborValue::integer(value); }

Bytes resigned(const Stage& s, const package::UnsignedBundle& bundle) {
  return package::sign_bundle(bundle, std::span(&s.cast.release, 1));
}

void add_mixed(Attacks& all) {
  all.push_back(
      refused("mix-and-match: manifest of one, payload of another", Status::digest_mismatch, [](const Stage& s) {
        package::UnsignedBundle bundle = s.manifest(s.options(11)).unsigned_bundle();
        bundle.payload = s.models.third.module;
        bundle.payload.resize(s.models.second.module.size());
        return resigned(s, bundle);
      }));
  all.push_back(
      refused("mix-and-match: keys of another vendor before a bundle", Status::unknown_key, [](const Stage& s) {
        package::KeysOptions keys = s.cast.rotated(2);
        keys.vendor = s.cast.other_vendor;
        keys.release = {1, {s.cast.outsider.public_key()}};
        return Stage::join({s.cast.keys_message(keys, {s.cast.root1, s.cast.root2}),
                            s.bundle(s.models.second.module, s.options(11), {s.cast.outsider})});
      }));
  all.push_back(
      refused("mix-and-match: wrapper of one, manifest of another", Status::digest_mismatch, [](const Stage& s) {
        CborValue one = package::read_cbor(s.bundle(11)).value();
        const CborValue other = package::read_cbor(s.bundle(12)).value();
        one.items[0].items[1] = other.items[0].items[1];
        return package::write_cbor(one);
      }));
  all.push_back(
      refused("mix-and-match: a module under the digest of another", Status::digest_mismatch, [](const Stage& s) {
        return s.changed([&](Manifest& m) {
          Bytes other = s.models.third.module;
          other.resize(s.models.second.module.size());
          m.carry(std::move(other), false);  // what is carried is signed, the module is another's
        });
      }));
  all.push_back(refused("partial bundle: only the first message's head", Status::truncated, [](const Stage& s) {
    Bytes bundle = s.bundle(11);
    bundle.resize(bundle.size() - s.models.second.module.size() / 2);
    return bundle;
  }));
  all.push_back(refused("partial bundle: no payload", Status::wrong_size, [](const Stage& s) {
    package::UnsignedBundle bundle = s.manifest(s.options(11)).unsigned_bundle();
    bundle.payload.clear();
    return resigned(s, bundle);
  }));
  all.push_back(refused("endless data: payload longer than signed", Status::wrong_size, [](const Stage& s) {
    package::UnsignedBundle bundle = s.manifest(s.options(11)).unsigned_bundle();
    bundle.payload.push_back(0);
    return resigned(s, bundle);
  }));
  all.push_back(refused("endless data: payload shorter than signed", Status::wrong_size, [](const Stage& s) {
    package::UnsignedBundle bundle = s.manifest(s.options(11)).unsigned_bundle();
    bundle.payload.pop_back();
    return resigned(s, bundle);
  }));
  all.push_back(refused("endless data: more carried than the module has", Status::wrong_size, [](const Stage& s) {
    return s.changed([&](Manifest& m) {
      Bytes longer = m.payload;
      longer.resize(longer.size() + 100);
      m.carry(std::move(longer), false);
    });
  }));
}

// ---- deltas

void add_deltas(Attacks& all) {
  const auto delta = [&](const char* what, Status expected, std::function<void(package::Delta&, const Stage&)> change,
                         std::function<void(Manifest&)> later = {}) {
    all.push_back(refused(std::string("delta: ") + what, expected, [change, later](const Stage& s) {
      package::BundleOptions options = s.options(11);
      options.delta = package::Delta{s.models.second_delta, s.models.first.module};
      if (change) change(*options.delta, s);
      Manifest made = s.manifest(options);
      if (later) later(made);
      return resigned(s, made.unsigned_bundle());
    }));
  };
  delta("against another base", Status::wrong_base,
        [](package::Delta& d, const Stage& s) { d.base = s.models.third.module; });
  const auto info = [](Manifest& m) -> CborValue& {
    CborValue& found = *Manifest::parameters(m.install(), 1).find(-301);
    if (found.items.empty()) MOTE_CHECK(package::unwrap(found).has_value());
    return found.items[0];
  };
  delta("against a longer base", Status::wrong_base, {}, [info](Manifest& m) { *info(m).find(3) = number(1 << 20); });
  delta("against an empty base", Status::wrong_base, {}, [info](Manifest& m) { *info(m).find(3) = number(0); });
  delta("of a later format", Status::unsupported_version, {}, [info](Manifest& m) { *info(m).find(1) = number(2); });
  delta("an info that is not known", Status::malformed, {}, [info](Manifest& m) { set(info(m), 4, number(1)); });
  delta("cut", Status::truncated, [](package::Delta& d, const Stage&) { d.bytes.resize(d.bytes.size() / 2); });
  delta("of one byte", Status::truncated, [](package::Delta& d, const Stage&) { d.bytes.resize(1); });
  delta("with bytes behind its end", Status::wrong_size, [](package::Delta& d, const Stage&) { d.bytes.push_back(0); });
  delta("of another module", Status::digest_mismatch, [](package::Delta& d, const Stage& s) {
    Bytes other = s.models.third.module;
    other.resize(s.models.second.module.size());
    d.bytes = package::encode_delta(s.models.first.module, other).value();
  });
  // A few bytes that unfold into more than a slot.
  constexpr std::size_t kBombBytes = 32'768;
  delta("a bomb: zeros beyond what is signed", Status::module_too_large, [](package::Delta& d, const Stage& s) {
    d.bytes = package::encode_delta(s.models.first.module, Bytes(kBombBytes)).value();
  });
  delta(
      "a bomb that is announced", Status::module_too_large,
      [](package::Delta& d, const Stage& s) {
        d.bytes = package::encode_delta(s.models.first.module, Bytes(kBombBytes)).value();
      },
      [](Manifest& m) { set(Manifest::parameters(m.install(), 1), 14, number(1 << 20)); });
  delta("that makes less than is signed", Status::wrong_size, [](package::Delta& d, const Stage& s) {
    d.bytes = package::encode_delta(s.models.first.module, Bytes(600, 7)).value();
  });
}

// ---- encryption

package::BundleOptions encrypted(const Stage& s) {
  package::BundleOptions options = s.options(11);
  options.encryption.emplace();
  options.encryption->groups = {s.cast.group_key};
  options.encryption->seed.emplace();
  options.encryption->seed->fill(0x44);
  return options;
}

void add_encryption(Attacks& all) {
  const auto secret = [&](const char* what, Status expected,
                          std::function<void(package::BundleOptions&, const Stage&)> change,
                          std::function<void(Manifest&)> later = {}) {
    all.push_back(refused(std::string("encryption: ") + what, expected, [change, later](const Stage& s) {
      package::BundleOptions options = encrypted(s);
      if (change) change(options, s);
      Manifest made = s.manifest(options);
      if (later) later(made);
      return resigned(s, made.unsigned_bundle());
    }));
  };
  const auto for_device = [](package::BundleOptions& o, const Stage& s) {
    o.encryption->groups.clear();
    o.encryption->devices = {package::agreement_public_key(s.cast.agreement_secret)};
  };
  /// The COSE_Encrypt in parameter 19: [protected, unprotected, nil, recipients].
  const auto info = [](Manifest& m) -> CborValue& {
    CborValue& found = *Manifest::parameters(m.install(), 1).find(19);
    if (found.items.empty()) MOTE_CHECK(package::unwrap(found).has_value());
    return found.items[0].items[0];
  };
  secret("for another group", Status::decryption_failed,
         [](package::BundleOptions& o, const Stage&) { o.encryption->groups[0][3] ^= 1; });
  secret("for another device", Status::decryption_failed, [](package::BundleOptions& o, const Stage&) {
    std::array<std::uint8_t, 32> other{};
    other.fill(0x77);
    o.encryption->groups.clear();
    o.encryption->devices = {package::agreement_public_key(other)};
  });
  secret("a flipped bit of the text, signed", Status::decryption_failed, {}, [](Manifest& m) {
    Bytes changed = m.payload;
    changed[changed.size() / 2] ^= 1;
    m.carry(std::move(changed), false);
  });
  secret("a flipped bit of the tag, signed", Status::decryption_failed, {}, [](Manifest& m) {
    Bytes changed = m.payload;
    changed.back() ^= 1;
    m.carry(std::move(changed), false);
  });
  secret("a flipped bit of the text, not signed", Status::digest_mismatch, {},
         [](Manifest& m) { m.payload[m.payload.size() / 2] ^= 1; });
  secret("another nonce", Status::decryption_failed, {},
         [info](Manifest& m) { info(m).items[1].find(5)->bytes[0] ^= 1; });
  secret("a nonce of 8 bytes", Status::malformed, {},
         [info](Manifest& m) { info(m).items[1].find(5)->bytes.resize(8); });
  secret("a wrapped key with a flipped bit", Status::decryption_failed, {},
         [info](Manifest& m) { info(m).items[3].items[0].items[2].bytes[5] ^= 1; });
  secret("a wrapped key of 24 bytes", Status::malformed, {},
         [info](Manifest& m) { info(m).items[3].items[0].items[2].bytes.resize(24); });
  secret("no recipient", Status::decryption_failed, {}, [info](Manifest& m) { info(m).items[3].items.clear(); });
  secret("five recipients", Status::too_large, {}, [info](Manifest& m) {
    auto& recipients = info(m).items[3].items;
    while (recipients.size() < 5) recipients.push_back(recipients[0]);
  });
  secret("ciphertext inside of the header", Status::malformed, {}, [info](Manifest& m) {
    info(m).items[2] = CborValue::bytes_of(Bytes{1, 2, 3});
  });
  for (const auto& [what, algorithm] :
       {std::pair{"AES-GCM", 1}, {"AES-CTR, without a tag", -65534}, {"AES-CBC, without a tag", -65531}}) {
    secret((std::string("downgraded to ") + what).c_str(), Status::unsupported_algorithm, {},
           [info, algorithm = algorithm](Manifest& m) {
             info(m).items[0] = CborValue::bytes_of(package::write_cbor(map_of({number(1), number(algorithm)})));
           });
  }
  for (const auto& [what, algorithm] : {std::pair{"direct use of the group's key", -6}, {"A256KW", -5}}) {
    secret((std::string("downgraded to ") + what).c_str(), Status::unsupported_algorithm, {},
           [info, algorithm = algorithm](Manifest& m) {
             *info(m).items[3].items[0].items[1].find(1) = number(algorithm);
           });
  }
  secret("an ephemeral key of zeros", Status::decryption_failed, for_device, [info](Manifest& m) {
    CborValue& key = *info(m).items[3].items[0].items[1].find(-1);
    CborValue& x = *key.find(-2);
    std::fill(x.bytes.begin(), x.bytes.end(), std::uint8_t{0});
  });
  secret("an ephemeral key of another curve", Status::malformed, for_device, [info](Manifest& m) {
    CborValue& key = *info(m).items[3].items[0].items[1].find(-1);
    *key.find(-1) = number(1);
  });
  secret("taken away, the text left", Status::wrong_size, {},
         [](Manifest& m) { remove(Manifest::parameters(m.install(), 1), 19); });
  secret("taken away with the tag", Status::digest_mismatch, {}, [](Manifest& m) {
    remove(Manifest::parameters(m.install(), 1), 19);
    Bytes text = m.payload;
    text.resize(text.size() - 16);
    m.carry(std::move(text), false);
  });
  secret("a payload shorter than a tag", Status::wrong_size, {}, [](Manifest& m) { m.carry(Bytes(8), false); });

  all.push_back(
      scripted("eavesdrop: nothing of the module shows, its readers can read it", false, [](Stage& s) -> std::string {
        const Bytes& module = s.models.second.module;
        const Bytes parcel = s.bundle(module, encrypted(s));
        // Any eight bytes of the module that are not all the same.
        for (std::size_t at = 0; at + 8 <= module.size(); at += 8) {
          const auto from = module.begin() + static_cast<std::ptrdiff_t>(at);
          if (std::all_of(from, from + 8, [&](std::uint8_t b) { return b == *from; })) continue;
          if (std::search(parcel.begin(), parcel.end(), from, from + 8) != parcel.end())
            return "bytes of the module from " + std::to_string(at) + " stand in the parcel";
        }
        const Status status = s.give(parcel, Delivery::inbox);
        return status == Status::ok && s.running() == 11 ? "" : name(status);
      }));
  all.push_back(
      scripted("eavesdrop: a device without the group's key learns nothing", false, [](Stage& s) -> std::string {
        s.factory.group_key = {};
        if (s.power_on() != Status::ok) return "it does not start";
        const Status status = s.give(s.bundle(s.models.second.module, encrypted(s)), Delivery::inbox);
        return status == Status::decryption_failed && s.running() == kFactorySequence ? "" : name(status);
      }));
}

}  // namespace

void add_payloads(Attacks& all) {
  add_mixed(all);
  add_deltas(all);
  add_encryption(all);
}

}  // namespace mote::simulation
