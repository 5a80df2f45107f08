// Who signed: outsiders, stolen keys of other roles, too few, revoked ones, signatures of something else.

#include "attack_stage.hpp"
#include "update/cose.hpp"

namespace mote::simulation {
namespace {

using update::CborType;
using Signers = std::vector<SigningKey>;

CborValue number(std::int64_t value) { return CborValue::integer(value); }

/// A good bundle whose only signature is a Sign1 that `change` spoiled before it was made, by `signer`.
Bytes hand_signed(const Stage& s, const SigningKey& signer, const std::function<void(Sign1&)>& change,
                  std::int64_t algorithm = -19) {
  const package::UnsignedBundle bundle = s.manifest(s.options(11)).unsigned_bundle();
  Sign1 signature(s.cast.release, algorithm);
  signature.signed_payload = digest_item(bundle.manifest);
  change(signature);
  return envelope(bundle, {signature.write(signer)});
}

/// A good bundle whose signature message has been changed afterwards.
Bytes spoiled(const Stage& s, const std::function<void(Bytes&)>& change) {
  const package::UnsignedBundle bundle = s.manifest(s.options(11)).unsigned_bundle();
  Sign1 signature(s.cast.release);
  signature.signed_payload = digest_item(bundle.manifest);
  Bytes message = signature.write(s.cast.release);
  change(message);
  return envelope(bundle, {message});
}

/// Adds the group's order to a signature's scalar: verifies where the range of it is not looked at.
void add_order(Bytes& message) {
  constexpr std::uint8_t kOrder[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                       0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                       0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    std::uint8_t& byte = message[message.size() - 32 + i];
    carry += byte + kOrder[i];
    byte = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
}

void add_signatures(Attacks& all) {
  all.push_back(refused("arbitrary software: signed by an outsider", Status::unknown_key, [](const Stage& s) {
    return s.bundle(s.models.second.module, s.options(11), {s.cast.outsider});
  }));
  all.push_back(refused("arbitrary software: signed by an outsider in the release key's name", Status::bad_signature,
                        [](const Stage& s) { return hand_signed(s, s.cast.outsider, [](Sign1&) {}); }));
  all.push_back(refused("arbitrary software: not signed", Status::threshold_not_met,
                        [](const Stage& s) { return envelope(s.manifest(s.options(11)).unsigned_bundle(), {}); }));
  all.push_back(refused("stolen online key: signs a bundle", Status::wrong_role,
                        [](const Stage& s) { return s.bundle(s.models.second.module, s.options(11), {s.cast.time}); }));
  all.push_back(refused("stolen root key: signs a bundle", Status::wrong_role, [](const Stage& s) {
    return s.bundle(s.models.second.module, s.options(11), {s.cast.root1});
  }));
  all.push_back(refused("arbitrary software: signature of another bundle", Status::bad_signature, [](const Stage& s) {
    Sign1 signature(s.cast.release);
    signature.signed_payload = digest_item(s.manifest(s.options(12)).unsigned_bundle().manifest);
    return envelope(s.manifest(s.options(11)).unsigned_bundle(), {signature.write(s.cast.release)});
  }));
  all.push_back(
      refused("arbitrary software: manifest replaced behind its digest", Status::digest_mismatch, [](const Stage& s) {
        const Bytes good = s.bundle(11);
        CborValue whole = package::read_cbor(good).value();
        whole.items[0].items[3] = package::read_cbor(s.manifest(s.options(12)).unsigned_bundle().manifest).value();
        return package::write_cbor(whole);
      }));
  const std::pair<const char*, std::function<void(Bytes&)>> kSpoiled[] = {
      {"first half has a flipped bit", [](Bytes& m) { m[m.size() - 60] ^= 1; }},
      {"second half has a flipped bit", [](Bytes& m) { m[m.size() - 5] ^= 0x10; }},
      {"is of zeros", [](Bytes& m) { std::fill(m.end() - 64, m.end(), std::uint8_t{0}); }},
      {"is of ones", [](Bytes& m) { std::fill(m.end() - 64, m.end(), std::uint8_t{0xff}); }},
      {"has a scalar above the group's order", add_order},
      {"has the neutral element and zero",
       [](Bytes& m) {
         std::fill(m.end() - 64, m.end(), std::uint8_t{0});
         m[m.size() - 64] = 1;
       }},
  };
  for (const auto& [what, change] : kSpoiled) {
    all.push_back(refused(std::string("bit-flipped: the signature ") + what, Status::bad_signature,
                          [change = change](const Stage& s) { return spoiled(s, change); }));
  }
  all.push_back(refused("truncated: the signature has 63 bytes", Status::malformed, [](const Stage& s) {
    return spoiled(s, [](Bytes& m) {
      m.pop_back();
      m[m.size() - 64] = 63;
    });
  }));
  all.push_back(refused("endless data: the signature has 65 bytes", Status::malformed, [](const Stage& s) {
    return spoiled(s, [](Bytes& m) {
      m[m.size() - 65] = 65;
      m.push_back(0);
    });
  }));
}

void add_algorithms(Attacks& all) {
  const std::pair<const char*, std::int64_t> kOthers[] = {
      {"EdDSA of any curve", -8}, {"ES256", -7},          {"ESP256", -9},   {"ES384", -35}, {"RS256", -257},
      {"HMAC as a signature", 5}, {"RS1, SHA-1", -65535}, {"HSS-LMS", -46}, {"none", 0},    {"Ed448", -53},
  };
  for (const auto& [what, algorithm] : kOthers) {
    all.push_back(refused(std::string("downgraded algorithm: ") + what, Status::unsupported_algorithm,
                          [algorithm = algorithm](const Stage& s) {
                            return hand_signed(
                                s, s.cast.release, [](Sign1&) {}, algorithm);
                          }));
  }
  const auto header = [&](const char* what, Status expected, std::function<void(Sign1&, const Cast&)> change) {
    all.push_back(refused(std::string("downgraded algorithm: ") + what, expected, [change](const Stage& s) {
      return hand_signed(s, s.cast.release, [&](Sign1& signature) { change(signature, s.cast); });
    }));
  };
  const auto encoded = [](std::vector<CborValue> items) { return package::write_cbor(map_of(std::move(items))); };
  header("only in the unprotected header", Status::malformed, [encoded](Sign1& m, const Cast& cast) {
    m.protected_header = encoded({number(4), CborValue::bytes_of(cast.release.id())});
    m.unprotected = map_of({number(1), number(-19)});
  });
  header("another one in the unprotected header", Status::malformed, [](Sign1& m, const Cast&) {
    m.unprotected = map_of({number(1), number(-7)});
  });
  header("key named in the unprotected header", Status::malformed, [encoded](Sign1& m, const Cast& cast) {
    m.protected_header = encoded({number(1), number(-19)});
    m.unprotected = map_of({number(4), CborValue::bytes_of(cast.release.id())});
  });
  header("no key named", Status::malformed, [encoded](Sign1& m, const Cast&) {
    m.protected_header = encoded({number(1), number(-19)});
  });
  header("said twice", Status::malformed, [encoded](Sign1& m, const Cast& cast) {
    m.protected_header =
        encoded({number(1), number(-7), number(1), number(-19), number(4), CborValue::bytes_of(cast.release.id())});
  });
  header("headers out of order", Status::malformed, [encoded](Sign1& m, const Cast& cast) {
    m.protected_header = encoded({number(4), CborValue::bytes_of(cast.release.id()), number(1), number(-19)});
  });
  header("a critical header", Status::malformed, [encoded](Sign1& m, const Cast& cast) {
    m.protected_header = encoded({number(1), number(-19), number(2), CborValue::array({number(99)}), number(4),
                                  CborValue::bytes_of(cast.release.id())});
  });
  header("by its name", Status::malformed, [encoded](Sign1& m, const Cast& cast) {
    m.protected_header =
        encoded({number(1), CborValue::text("Ed25519"), number(4), CborValue::bytes_of(cast.release.id())});
  });
  header("an empty protected header", Status::truncated, [](Sign1& m, const Cast&) { m.protected_header = {}; });
  header("signature without its tag", Status::malformed, [](Sign1& m, const Cast&) { m.tagged = false; });
  header("payload repeated in the signature", Status::malformed,
         [](Sign1& m, const Cast&) { m.payload = CborValue::bytes_of(m.signed_payload); });
  header("an empty payload in place of none", Status::malformed,
         [](Sign1& m, const Cast&) { m.payload = CborValue::bytes_of({}); });
  all.push_back(refused("downgraded algorithm: a MAC in place of a signature", Status::malformed,
                        [](const Stage& s) { return spoiled(s, [](Bytes& m) { m[0] = 0xc0 | 17; }); }));
  for (const auto& [what, algorithm] : {std::pair{"digest of SHA-384", -43}, {"digest of SHAKE128", -18}}) {
    all.push_back(refused(std::string("downgraded algorithm: ") + what, Status::unsupported_algorithm,
                          [algorithm = algorithm](const Stage& s) {
                            const package::UnsignedBundle bundle = s.manifest(s.options(11)).unsigned_bundle();
                            Sign1 signature(s.cast.release);
                            signature.signed_payload = digest_item(bundle.manifest, algorithm);
                            return envelope(bundle, {signature.write(s.cast.release)}, algorithm);
                          }));
  }
  // A signature of one kind is none of another.
  for (const char* aad : {"mote time 1", "mote keys 1", "mote report 1"}) {
    all.push_back(refused(
        std::string("domain separation: bundle signed as ") + aad, Status::bad_signature,
        [aad](const Stage& s) { return hand_signed(s, s.cast.release, [&](Sign1& m) { m.external_aad = aad; }); }));
  }
  all.push_back(
      refused("domain separation: the manifest signed, not its digest", Status::bad_signature, [](const Stage& s) {
        return hand_signed(s, s.cast.release,
                           [&](Sign1& m) { m.signed_payload = s.manifest(s.options(11)).unsigned_bundle().manifest; });
      }));
}

// ---- thresholds and rotation

void add_thresholds(Attacks& all) {
  const auto two = [](const char* what, Status expected,
                      std::function<std::vector<Bytes>(const Stage&, const Bytes&)> sign) {
    Attack attack = refused(std::string("threshold: ") + what, expected, [sign](const Stage& s) {
      const package::UnsignedBundle bundle = s.manifest(s.options(11)).unsigned_bundle();
      return envelope(bundle, sign(s, digest_item(bundle.manifest)));
    });
    attack.prepare = [](Stage& s) {
      package::KeysOptions keys = s.cast.keys(1);
      keys.release = {2, {s.cast.release.public_key(), s.cast.later_release.public_key()}};
      s.factory.keys = s.cast.keys_message(keys, {s.cast.root1, s.cast.root2});
    };
    attack.good_signers = [](const Cast& cast) { return Signers{cast.release, cast.later_release}; };
    return attack;
  };
  const auto by = [](const SigningKey& key, const Bytes& digest) {
    Sign1 signature(key);
    signature.signed_payload = digest;
    return signature.write(key);
  };
  all.push_back(two("one of two", Status::threshold_not_met, [by](const Stage& s, const Bytes& digest) {
    return std::vector<Bytes>{by(s.cast.release, digest)};
  }));
  all.push_back(two("one signer twice", Status::threshold_not_met, [by](const Stage& s, const Bytes& digest) {
    return std::vector<Bytes>{by(s.cast.release, digest), by(s.cast.release, digest)};
  }));
  all.push_back(two("one signer four times", Status::threshold_not_met, [by](const Stage& s, const Bytes& digest) {
    return std::vector<Bytes>(4, by(s.cast.release, digest));
  }));
  all.push_back(two("one and an outsider", Status::unknown_key, [by](const Stage& s, const Bytes& digest) {
    return std::vector<Bytes>{by(s.cast.release, digest), by(s.cast.outsider, digest)};
  }));
  all.push_back(two("one and the online key", Status::wrong_role, [by](const Stage& s, const Bytes& digest) {
    return std::vector<Bytes>{by(s.cast.release, digest), by(s.cast.time, digest)};
  }));
  all.push_back(two("one and a spoiled one", Status::bad_signature, [by](const Stage& s, const Bytes& digest) {
    Bytes second = by(s.cast.later_release, digest);
    second.back() ^= 1;
    return std::vector<Bytes>{by(s.cast.release, digest), second};
  }));
  all.push_back(two("five signatures", Status::too_large, [by](const Stage& s, const Bytes& digest) {
    return std::vector<Bytes>(5, by(s.cast.release, digest));
  }));

  Attack revoked = refused("stolen release key: after its rotation", Status::unknown_key,
                           [](const Stage& s) { return s.bundle(11); });
  revoked.before = [](const Stage& s) {
    return std::vector<Bytes>{s.cast.keys_message(s.cast.rotated(2), {s.cast.root1, s.cast.root2})};
  };
  revoked.good_signers = [](const Cast& cast) { return Signers{cast.later_release}; };
  all.push_back(revoked);

  Attack together =
      refused("stolen release key: in one parcel with its rotation", Status::unknown_key, [](const Stage& s) {
        return Stage::join({s.cast.keys_message(s.cast.rotated(2), {s.cast.root1, s.cast.root2}), s.bundle(11)});
      });
  together.takes_keys = true;
  together.good_signers = revoked.good_signers;
  all.push_back(together);
}

/// The payload of a good second keys document, changed, signed by hand by both roots.
Bytes hand_keys(const Stage& s, const std::function<void(CborValue&)>& change,
                const std::function<void(CborValue&)>& message = {}) {
  const Bytes good = s.cast.keys_message(s.cast.keys(2), {s.cast.root1, s.cast.root2});
  CborValue whole = package::read_cbor(good).value();
  CborValue& body = whole.items[0];
  CborValue payload = package::read_cbor(body.items[2].bytes).value();
  change(payload);
  body.items[2].bytes = package::write_cbor(payload);
  std::size_t i = 0;
  for (const SigningKey& root : {s.cast.root1, s.cast.root2}) {
    CborValue& signature = body.items[3].items[i++];
    const CborValue structure = CborValue::array(
        {CborValue::text("Signature"), CborValue::bytes_of({}), CborValue::bytes_of(signature.items[0].bytes),
         CborValue::bytes_of(as_bytes("mote keys 1")), CborValue::bytes_of(body.items[2].bytes)});
    signature.items[2] = CborValue::bytes_of(root.sign(package::write_cbor(structure)));
  }
  if (message) message(body);
  return package::write_cbor(whole);
}

void add_keys(Attacks& all) {
  const auto keys = [&](const char* what, Status expected, std::function<Bytes(const Stage&)> parcel) {
    all.push_back(refused(std::string("keys: ") + what, expected, std::move(parcel)));
  };
  keys("signed by one root of two", Status::threshold_not_met,
       [](const Stage& s) { return s.cast.keys_message(s.cast.rotated(2), {s.cast.root1}); });
  keys("signed by one root twice", Status::threshold_not_met, [](const Stage& s) {
    return s.cast.keys_message(s.cast.rotated(2), {s.cast.root1, s.cast.root1});
  });
  keys("signed by the stolen release and online keys", Status::wrong_role, [](const Stage& s) {
    return s.cast.keys_message(s.cast.rotated(2), {s.cast.release, s.cast.time});
  });
  keys("signed by outsiders", Status::unknown_key, [](const Stage& s) {
    return s.cast.keys_message(s.cast.rotated(2), {s.cast.outsider, s.cast.root3});
  });
  keys("signed by new roots only", Status::unknown_key, [](const Stage& s) {
    package::KeysOptions options = s.cast.keys(2);
    options.root = {2, {s.cast.root3.public_key(), s.cast.outsider.public_key()}};
    return s.cast.keys_message(options, {s.cast.root3, s.cast.outsider});
  });
  keys("signed by old roots only", Status::unknown_key, [](const Stage& s) {
    package::KeysOptions options = s.cast.keys(2);
    options.root = {2, {s.cast.root3.public_key(), s.cast.outsider.public_key()}};
    return s.cast.keys_message(options, {s.cast.root1, s.cast.root2});
  });
  keys("signed by all old and too few new roots", Status::unknown_key, [](const Stage& s) {
    package::KeysOptions options = s.cast.keys(2);
    options.root = {3, {s.cast.root1.public_key(), s.cast.root3.public_key(), s.cast.outsider.public_key()}};
    return s.cast.keys_message(options, {s.cast.root1, s.cast.root2, s.cast.root3});
  });
  keys("a version is skipped", Status::out_of_range, [](const Stage& s) {
    return s.cast.keys_message(s.cast.rotated(3), {s.cast.root1, s.cast.root2});
  });
  keys("the last version there can be", Status::out_of_range, [](const Stage& s) {
    return s.cast.keys_message(s.cast.rotated(0xffffffff), {s.cast.root1, s.cast.root2});
  });
  keys("another document of the same version", Status::replayed, [](const Stage& s) {
    return s.cast.keys_message(s.cast.rotated(1), {s.cast.root1, s.cast.root2});
  });
  keys("version 0", Status::replayed, [](const Stage& s) {
    return s.cast.keys_message(s.cast.rotated(0), {s.cast.root1, s.cast.root2});
  });
  keys("of another vendor", Status::wrong_vendor, [](const Stage& s) {
    package::KeysOptions options = s.cast.rotated(2);
    options.vendor = s.cast.other_vendor;
    return s.cast.keys_message(options, {s.cast.root1, s.cast.root2});
  });
  Attack old = refused("keys: an old document after a newer one", Status::replayed, [](const Stage& s) {
    return s.cast.keys_message(s.cast.keys(2), {s.cast.root1, s.cast.root2});
  });
  old.before = [](const Stage& s) {
    return std::vector<Bytes>{s.cast.keys_message(s.cast.keys(2), {s.cast.root1, s.cast.root2}),
                              s.cast.keys_message(s.cast.rotated(3), {s.cast.root1, s.cast.root2})};
  };
  old.good_signers = [](const Cast& cast) { return Signers{cast.later_release}; };
  all.push_back(old);

  const auto spoiled_keys = [&](const char* what, Status expected, std::function<void(CborValue&)> change) {
    keys(what, expected, [change](const Stage& s) { return hand_keys(s, change); });
  };
  spoiled_keys("a threshold of 0", Status::threshold_not_met,
               [](CborValue& p) { p.find(2)->find(2)->items[0] = number(0); });
  spoiled_keys("a threshold above its keys", Status::threshold_not_met,
               [](CborValue& p) { p.find(2)->find(2)->items[0] = number(2); });
  spoiled_keys("a threshold of 300", Status::too_large,
               [](CborValue& p) { p.find(2)->find(2)->items[0] = number(300); });
  spoiled_keys("a member twice", Status::malformed, [](CborValue& p) {
    p.find(2)->find(2)->items[0] = number(2);
    auto& members = p.find(2)->find(2)->items[1].items;
    members.push_back(members[0]);
  });
  spoiled_keys("a member that is no key", Status::malformed,
               [](CborValue& p) { p.find(2)->find(2)->items[1].items[0] = number(9); });
  spoiled_keys("a member behind the most keys", Status::too_large,
               [](CborValue& p) { p.find(2)->find(2)->items[1].items[0] = number(40); });
  spoiled_keys("a key of another algorithm", Status::unsupported_algorithm,
               [](CborValue& p) { p.find(3)->items[0].items[0] = number(-7); });
  spoiled_keys("a key of 31 bytes", Status::malformed,
               [](CborValue& p) { p.find(3)->items[0].items[1].bytes.pop_back(); });
  spoiled_keys("eleven keys", Status::too_large, [](CborValue& p) {
    auto& list = p.find(3)->items;
    while (list.size() < 11) list.push_back(list[0]);
  });
  spoiled_keys("a fourth role", Status::malformed, [](CborValue& p) {
    set(*p.find(2), 4, CborValue::array({number(1), CborValue::array({number(0)})}));
  });
  spoiled_keys("an entry that is not known", Status::malformed, [](CborValue& p) { set(p, 7, number(1)); });
  spoiled_keys("entries out of order", Status::malformed, [](CborValue& p) {
    std::swap(p.items[6], p.items[8]);
    std::swap(p.items[7], p.items[9]);
  });
  spoiled_keys("a negative version", Status::malformed, [](CborValue& p) { *p.find(1) = number(-1); });
  keys("an unprotected header", Status::malformed, [](const Stage& s) {
    return hand_keys(
        s, [](CborValue&) {},
        [](CborValue& m) {
          m.items[1] = map_of({number(1), number(-7)});
        });
  });
  keys("a protected header of the body", Status::malformed, [](const Stage& s) {
    return hand_keys(
        s, [](CborValue&) {}, [](CborValue& m) { m.items[0] = CborValue::bytes_of(Bytes{0xa0}); });
  });
  keys("payload detached", Status::malformed, [](const Stage& s) {
    return hand_keys(
        s, [](CborValue&) {}, [](CborValue& m) { m.items[2] = CborValue::null(); });
  });
  keys("no signatures", Status::threshold_not_met, [](const Stage& s) {
    return hand_keys(
        s, [](CborValue&) {}, [](CborValue& m) { m.items[3].items.clear(); });
  });
  keys("a signature with a flipped bit", Status::bad_signature, [](const Stage& s) {
    return hand_keys(
        s, [](CborValue&) {}, [](CborValue& m) { m.items[3].items[1].items[2].bytes[9] ^= 4; });
  });
  keys("a payload with a flipped bit", Status::bad_signature, [](const Stage& s) {
    return hand_keys(
        s, [](CborValue&) {}, [](CborValue& m) { m.items[2].bytes[m.items[2].bytes.size() - 19] ^= 1; });
  });
  keys("eleven signatures", Status::too_large, [](const Stage& s) {
    return hand_keys(
        s, [](CborValue&) {},
        [](CborValue& m) {
          while (m.items[3].items.size() < 11) m.items[3].items.push_back(m.items[3].items[0]);
        });
  });
  keys("signed as a time statement", Status::bad_signature, [](const Stage& s) {
    return hand_keys(
        s, [](CborValue&) {},
        [&](CborValue& m) {
          const SigningKey* roots[] = {&s.cast.root1, &s.cast.root2};
          for (std::size_t i = 0; i < 2; ++i) {
            CborValue& signature = m.items[3].items[i];
            const CborValue structure = CborValue::array(
                {CborValue::text("Signature"), CborValue::bytes_of({}), CborValue::bytes_of(signature.items[0].bytes),
                 CborValue::bytes_of(as_bytes("mote time 1")), CborValue::bytes_of(m.items[2].bytes)});
            signature.items[2] = CborValue::bytes_of(roots[i]->sign(package::write_cbor(structure)));
          }
        });
  });
}

// ---- time statements

Bytes hand_time(const SigningKey& named, const SigningKey& signer, CborValue payload, const char* aad = "mote time 1") {
  Sign1 statement(named);
  statement.signed_payload = package::write_cbor(payload);
  statement.payload = CborValue::bytes_of(statement.signed_payload);
  statement.external_aad = aad;
  return statement.write(signer);
}

CborValue time_payload(const Cast& cast) {
  return map_of({number(1), number(kNow), number(2), CborValue::bytes_of(cast.klass), number(3), number(11)});
}

void add_time(Attacks& all) {
  const auto time = [&](const char* what, Status expected, std::function<Bytes(const Stage&)> parcel) {
    all.push_back(refused(std::string("time: ") + what, expected, std::move(parcel)));
  };
  const auto by = [](const SigningKey Cast::*key) {
    return [key](const Stage& s) { return hand_time(s.cast.*key, s.cast.*key, time_payload(s.cast)); };
  };
  time("signed by an outsider", Status::unknown_key, by(&Cast::outsider));
  time("signed by the release key", Status::wrong_role, by(&Cast::release));
  time("signed by a root key", Status::wrong_role, by(&Cast::root1));
  time("signed by an outsider in the online key's name", Status::bad_signature,
       [](const Stage& s) { return hand_time(s.cast.time, s.cast.outsider, time_payload(s.cast)); });
  for (const char* aad : {"", "mote keys 1", "mote report 1"}) {
    time((std::string("signed as \"") + aad + "\"").c_str(), Status::bad_signature,
         [aad](const Stage& s) { return hand_time(s.cast.time, s.cast.time, time_payload(s.cast), aad); });
  }
  const auto spoiled_time = [&](const char* what, Status expected, std::function<void(CborValue&)> change) {
    time(what, expected, [change](const Stage& s) {
      CborValue payload = time_payload(s.cast);
      change(payload);
      return hand_time(s.cast.time, s.cast.time, payload);
    });
  };
  spoiled_time("an entry more", Status::malformed, [](CborValue& p) { set(p, 4, number(1)); });
  spoiled_time("an entry less", Status::malformed, [](CborValue& p) { remove(p, 3); });
  spoiled_time("entries out of order", Status::malformed, [](CborValue& p) {
    std::swap(p.items[0], p.items[4]);
    std::swap(p.items[1], p.items[5]);
  });
  spoiled_time("a negative time", Status::malformed, [](CborValue& p) { *p.find(1) = number(-5); });
  spoiled_time("a class of 15 bytes", Status::malformed, [](CborValue& p) { p.find(2)->bytes.pop_back(); });
  spoiled_time("a payload above its limit", Status::too_large, [](CborValue& p) { p.find(2)->bytes.resize(100); });
  time("a payload with a flipped bit", Status::bad_signature, [](const Stage& s) {
    Bytes message = s.cast.time_message(kNow, 11);
    message[message.size() - 70] ^= 1;
    return message;
  });
  time("payload detached", Status::truncated, [](const Stage& s) {
    Sign1 statement(s.cast.time);
    statement.external_aad = "mote time 1";
    return statement.write(s.cast.time);
  });
}

}  // namespace

void add_forgeries(Attacks& all) {
  add_signatures(all);
  add_algorithms(all);
  add_thresholds(all);
  add_keys(all);
  add_time(all);
}

}  // namespace mote::simulation
