#pragma once
// What attacks are made with and judged by: the people who hold keys, honest writers and forgers, a device with its
// flash, and what must not change on it.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "abi/module.hpp"
#include "mote/package/cbor_value.hpp"
#include "mote/package/parcel.hpp"
#include "mote/simulation/native_device.hpp"

namespace mote::simulation {

using package::CborValue;
using package::SigningKey;
using update::Status;

constexpr std::uint64_t kFactorySequence = 10, kHighestSequence = 1000;
constexpr std::uint64_t kNow = 1'700'000'000, kNotAfter = 2'000'000'000;

/// Who holds keys, honestly or not.
struct Cast {
  package::Uuid vendor, klass, device{1, 2, 3, 4}, other_vendor, other_class;
  SigningKey root1, root2, root3, release, time, later_release, outsider;
  std::array<std::uint8_t, 32> device_key{}, agreement_secret{};
  package::GroupKey group_key{};
  Cast();

  /// Two of two roots; release and time with one key each.
  package::KeysOptions keys(std::uint32_t version) const;
  /// The same with another release key: the old one is revoked.
  package::KeysOptions rotated(std::uint32_t version) const;
  Bytes keys_message(const package::KeysOptions& options, const std::vector<SigningKey>& signers) const;
  Bytes time_message(std::uint64_t time_s, std::uint64_t expected_sequence = 0) const;
};

/// A bundle's manifest taken apart, so that anything in it can be replaced before it is signed.
struct Manifest {
  CborValue map;
  Bytes payload;

  CborValue& common() { return inside(3); }
  CborValue& shared();
  CborValue& validate() { return inside(7); }
  CborValue& install() { return inside(20); }
  /// The item inside of the byte string under a key.
  CborValue& inside(std::int64_t key);
  /// Parameters: the map behind the n-th command 20 of a sequence.
  static CborValue& parameters(CborValue& sequence, std::size_t n = 0);
  /// Requirements, parameter -300 of the shared sequence.
  CborValue& requirements();
  /// Another payload, with size and digest for what is carried; as module, too, when it is plain and whole.
  void carry(Bytes other, bool as_module = true);

  [[nodiscard]] package::UnsignedBundle unsigned_bundle() const;
};

/// Sets a key of a map, at its place in deterministic order if `ordered`, else at the end.
void set(CborValue& map, std::int64_t key, CborValue value, bool ordered = true);
void remove(CborValue& map, std::int64_t key);

/// A COSE_Sign1 by hand.
struct Sign1 {
  Bytes protected_header;
  CborValue unprotected;
  CborValue payload;     ///< as it stands in the message
  Bytes signed_payload;  ///< as it is signed
  std::string external_aad;
  bool tagged = true;

  Sign1(const SigningKey& key, std::int64_t algorithm = -19);
  [[nodiscard]] Bytes write(const SigningKey& key) const;
};
[[nodiscard]] Bytes protected_header(const SigningKey& key, std::int64_t algorithm = -19);
[[nodiscard]] CborValue map_of(std::vector<CborValue> keys_and_values);

/// An envelope around signatures that were written elsewhere.
[[nodiscard]] Bytes envelope(const package::UnsignedBundle& bundle, const std::vector<Bytes>& signatures,
                             std::int64_t digest_algorithm = -16);
/// The digest item that a bundle's signatures cover.
[[nodiscard]] Bytes digest_item(ByteSpan content, std::int64_t algorithm = -16);

enum class Delivery { card, inbox };

/// What an attack must leave as it is.
struct Facts {
  std::uint64_t sequence = 0, confirmed_sequence = 0, time_s = 0, expected_sequence = 0;
  std::uint32_t keys_version = 0;
  Bytes digest, failed;
};

/// A device, its flash, and the world around it.
class Stage {
 public:
  Stage(const Models& models, NativeModules& modules);

  // ---- what may arrive
  const Cast cast;
  [[nodiscard]] package::BundleOptions options(std::uint64_t sequence) const;
  [[nodiscard]] Bytes bundle(std::uint64_t sequence) const { return bundle(models.second.module, options(sequence)); }
  [[nodiscard]] Bytes bundle(ByteSpan module, const package::BundleOptions& options) const;
  [[nodiscard]] Bytes bundle(ByteSpan module, const package::BundleOptions& options,
                             const std::vector<SigningKey>& signers) const;
  /// A good bundle's manifest, changed by `change` and signed by the release key.
  [[nodiscard]] Bytes changed(const std::function<void(Manifest&)>& change) const;
  [[nodiscard]] Manifest manifest(const package::BundleOptions& options) const;
  [[nodiscard]] static Bytes join(const std::vector<Bytes>& messages) { return package::join(messages); }
  /// The second model as a module with another header; its own digest set right.
  [[nodiscard]] Bytes module(const std::function<void(device::ModuleHeader&)>& change) const;

  // ---- the device
  DeviceHardware hardware;
  package::FactoryOptions factory;
  /// From the factory, and switched on. @return what start says.
  Status power_on();
  Status restart(update::ResetCause cause = update::ResetCause::power_on);
  [[nodiscard]] update::Agent& agent() { return device_->agent(); }
  [[nodiscard]] NativeDevice& device() { return *device_; }
  [[nodiscard]] board::NorFlash& flash() { return *flash_; }
  /// Changes what the flash holds, as somebody with a programmer does.
  void tamper(std::uint32_t offset, const std::function<void(Bytes&)>& change, std::size_t bytes);

  /// Gives a parcel to the device and lets it come to its end. @return how the device ended it.
  Status give(ByteSpan parcel, Delivery delivery);
  Status announce(ByteSpan parcel, std::uint16_t block_bytes = 256);
  /// Steps and inferences until it is idle again, waits, or `rounds` are over.
  void run(unsigned rounds = 5000);
  [[nodiscard]] Facts facts();
  /// Sequence that runs, with an inference that works; 0: none.
  [[nodiscard]] std::uint64_t running();
  /// "" when a good bundle with this sequence, signed by `signer`, is taken and confirmed; else what happened instead.
  [[nodiscard]] std::string takes_good_update(std::uint64_t sequence, const std::vector<SigningKey>& signers);
  Bytes good_module;  ///< what a good update brings

  const Models& models;

 private:
  NativeModules& modules_;
  board::NorGeometry geometry_;
  std::optional<board::NorFlash> flash_;
  std::optional<NativeDevice> device_;
};

/// An attack that is not a parcel tells by itself what happened: "" as expected, else what was got.
using Script = std::function<std::string(Stage&)>;

struct Attack {
  std::string name;
  Status expected = Status::ok;
  std::function<Bytes(const Stage&)> parcel;
  std::function<std::vector<Bytes>(const Stage&)> before;  ///< parcels that the device takes first
  std::function<void(Stage&)> prepare;                     ///< before the factory
  Script script;                                           ///< instead of a parcel
  bool detected = false;                                   ///< not refused, but noticed
  /// What an attack may change, because this is what it was refused by.
  bool notes_failure = false;
  bool takes_keys = false, takes_time = false;
  /// Of the good update afterwards.
  std::uint64_t good_sequence = 900;
  std::function<std::vector<SigningKey>(const Cast&)> good_signers;  ///< none: the release key

  Attack& after(std::function<std::vector<Bytes>(const Stage&)> parcels) {
    before = std::move(parcels);
    return *this;
  }
};

using Attacks = std::vector<Attack>;
void add_forgeries(Attacks& all);  // signatures, roles, thresholds, keys documents
void add_encodings(Attacks& all);  // bytes that say the same otherwise, or nothing
void add_manifests(Attacks& all);  // commands, parameters, what does not fit
void add_payloads(Attacks& all);   // what travels: mixed, cut, encrypted, deltas
void add_freshness(Attacks& all);  // rollback, freeze, fast-forward, replays
void add_senders(Attacks& all);    // announcements, blocks, slowness
void add_couriers(Attacks& all);   // who carries parcels and reports, and devices that lie to them
void add_flash(Attacks& all);      // changed, erased, copied flash; reports

/// A parcel that is refused under this name, by both ways of arriving.
inline Attack refused(std::string name, Status expected, std::function<Bytes(const Stage&)> parcel) {
  Attack attack;
  attack.name = std::move(name);
  attack.expected = expected;
  attack.parcel = std::move(parcel);
  return attack;
}

inline Attack scripted(std::string name, bool detected, Script script) {
  Attack attack;
  attack.name = std::move(name);
  attack.detected = detected;
  attack.script = std::move(script);
  return attack;
}

}  // namespace mote::simulation
