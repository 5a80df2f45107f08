// What a manifest may not say, though its signature is right: commands that devices do not know or that come in another
// order, parameters set twice, steps left out; and modules that do not fit this device.

#include <algorithm>

#include "attack_stage.hpp"

namespace mote::simulation {
namespace {

using update::CborType;
using Change = std::function<void(Manifest&)>;

CborValue number(std::int64_t value) { return CborValue::integer(value); }

void append(CborValue& sequence, std::int64_t command, CborValue argument) {
  sequence.items.push_back(number(command));
  sequence.items.push_back(std::move(argument));
}

/// Place of the n-th `command` of a sequence.
std::ptrdiff_t place(const CborValue& sequence, std::int64_t command, std::size_t n = 0) {
  for (std::size_t i = 0; i + 1 < sequence.items.size(); i += 2) {
    if (sequence.items[i].is_integer(command) && n-- == 0) return static_cast<std::ptrdiff_t>(i);
  }
  MOTE_CHECK(false);
  return 0;
}

void leave_out(CborValue& sequence, std::int64_t command, std::size_t n = 0) {
  const auto at = sequence.items.begin() + place(sequence, command, n);
  sequence.items.erase(at, at + 2);
}

void exchange(CborValue& sequence, std::ptrdiff_t a, std::ptrdiff_t b) {
  for (std::ptrdiff_t i = 0; i < 2; ++i) std::swap(sequence.items[a + i], sequence.items[b + i]);
}

void add(Attacks& all, const std::string& name, Status expected, Change change) {
  all.push_back(refused(name, expected, [change = std::move(change)](const Stage& s) { return s.changed(change); }));
}

void add_commands(Attacks& all) {
  const std::pair<const char*, std::int64_t> kUnknown[] = {
      {"slot condition", 5},  {"check-content", 6}, {"process-dependency", 11},
      {"abort", 14},          {"try-each", 15},     {"write", 18},
      {"invoke", 23},         {"wait", 29},         {"swap", 31},
      {"run-sequence", 32},   {"unlink", 33},       {"of the vendor", -1},
      {"far out", 1'000'000},
  };
  for (const auto& [what, command] : kUnknown) {
    add(all, std::string("injected command: ") + what, Status::unsupported_command,
        [command = command](Manifest& m) { append(m.install(), command, number(15)); });
  }
  const auto command = [&](const char* what, Status expected, Change change) {
    add(all, std::string("injected command: ") + what, expected, std::move(change));
  };
  command("try-each with a sequence in it", Status::unsupported_command, [](Manifest& m) {
    append(m.install(), 15, CborValue::array({CborValue::bytes_of(Bytes{0x82, 0x03, 0x0f})}));
  });
  command("a third component", Status::unsupported_command, [](Manifest& m) { append(m.install(), 12, number(2)); });
  command("all components at once", Status::malformed, [](Manifest& m) {
    append(m.install(), 12, {CborType::simple, 21, {}, {}, {}});
  });
  command("fetch before anything is known", Status::malformed, [](Manifest& m) { append(m.shared(), 21, number(2)); });
  command("copy in the shared sequence", Status::malformed, [](Manifest& m) { append(m.shared(), 22, number(2)); });
  command("parameters when validating", Status::unsupported_command, [](Manifest& m) {
    append(m.validate(), 20, map_of({number(14), number(1)}));
  });
  command("by its name", Status::malformed, [](Manifest& m) {
    m.install().items.push_back(CborValue::text("copy"));
    m.install().items.push_back(number(2));
  });
  command("without an argument", Status::malformed, [](Manifest& m) { m.install().items.push_back(number(22)); });
  command("a reporting policy of five bits", Status::too_large, [](Manifest& m) {
    CborValue& sequence = m.install();
    sequence.items[static_cast<std::size_t>(place(sequence, 22) + 1)] = number(16);
  });
  command("fetch twice", Status::malformed, [](Manifest& m) {
    append(m.install(), 12, number(0));
    append(m.install(), 21, number(2));
  });
  command("copy twice", Status::malformed, [](Manifest& m) { append(m.install(), 22, number(2)); });

  for (const auto& [what, key] : {std::pair{"load", 8},
                                  {"invoke", 9},
                                  {"reference URI", 4},
                                  {"payload fetch", 16},
                                  {"text", 23},
                                  {"dependency resolution", 15},
                                  {"uninstall", 24},
                                  {"of the vendor", -7}}) {
    add(all, std::string("injected sequence: ") + what, Status::unsupported_command,
        [key = key](Manifest& m) { set(m.map, key, CborValue::bytes_of(Bytes{0x80})); });
  }
  add(all, "injected sequence: dependencies", Status::malformed, [](Manifest& m) {
    set(m.common(), 1, map_of({number(0), map_of({})}));
  });
  add(all, "injected component: a third one", Status::unsupported_command,
      [](Manifest& m) { m.common().find(2)->items.push_back(CborValue::array({CborValue::bytes_of(Bytes{2})})); });
  add(all, "injected component: exchanged", Status::unsupported_command,
      [](Manifest& m) { std::swap(m.common().find(2)->items[0], m.common().find(2)->items[1]); });
  add(all, "injected component: firmware by path", Status::unsupported_command, [](Manifest& m) {
    m.common().find(2)->items[1].items.push_back(CborValue::bytes_of(Bytes{'f', 'w'}));
  });
}

void add_omissions(Attacks& all) {
  const auto without = [&](const char* what, Change change) {
    add(all, std::string("left out: ") + what, Status::malformed, std::move(change));
  };
  without("image-match of what is carried", [](Manifest& m) { leave_out(m.install(), 3, 0); });
  without("image-match of the module", [](Manifest& m) { leave_out(m.install(), 3, 1); });
  without("image-match when validating", [](Manifest& m) { leave_out(m.validate(), 3); });
  without("fetch", [](Manifest& m) { leave_out(m.install(), 21); });
  without("copy", [](Manifest& m) { leave_out(m.install(), 22); });
  without("vendor condition", [](Manifest& m) { leave_out(m.shared(), 1); });
  without("class condition", [](Manifest& m) { leave_out(m.shared(), 2); });
  without("vendor", [](Manifest& m) { remove(Manifest::parameters(m.shared()), 1); });
  without("class", [](Manifest& m) { remove(Manifest::parameters(m.shared()), 2); });
  without("requirements", [](Manifest& m) { remove(Manifest::parameters(m.shared()), -300); });
  without("digest of what is carried", [](Manifest& m) { remove(Manifest::parameters(m.install(), 0), 3); });
  without("digest of the module", [](Manifest& m) { remove(Manifest::parameters(m.install(), 1), 3); });
  without("size of what is carried", [](Manifest& m) { remove(Manifest::parameters(m.install(), 0), 14); });
  without("size of the module", [](Manifest& m) { remove(Manifest::parameters(m.install(), 1), 14); });
  without("URI", [](Manifest& m) { remove(Manifest::parameters(m.install(), 0), 21); });
  without("source of the copy", [](Manifest& m) { remove(Manifest::parameters(m.install(), 1), 22); });
  without("version", [](Manifest& m) { remove(m.map, 1); });
  without("sequence number", [](Manifest& m) { remove(m.map, 2); });
  without("condition of a device id",
          [](Manifest& m) { set(Manifest::parameters(m.shared()), 24, CborValue::bytes_of(package::Uuid{9})); });
  without("condition of use-before", [](Manifest& m) { set(Manifest::parameters(m.shared()), 4, number(1)); });
  without("condition of a battery", [](Manifest& m) { set(Manifest::parameters(m.shared()), 26, number(90)); });
  add(all, "left out: common", Status::malformed, [](Manifest& m) { remove(m.map, 3); });
  add(all, "left out: install", Status::malformed, [](Manifest& m) { remove(m.map, 20); });
  add(all, "left out: validate", Status::malformed, [](Manifest& m) { remove(m.map, 7); });
  for (const int key : {1, 5, 7, 12}) {
    add(all, "left out: requirement " + std::to_string(key), Status::malformed,
        [key](Manifest& m) { remove(m.requirements(), key); });
  }
  const auto order = [&](const char* what, Change change) {
    add(all, std::string("out of order: ") + what, Status::malformed, std::move(change));
  };
  order("copy before what is carried was matched", [](Manifest& m) {
    CborValue& sequence = m.install();
    // component 0's image-match goes to the end
    leave_out(sequence, 3, 0);
    append(sequence, 12, number(0));
    append(sequence, 3, number(15));
  });
  order("image-match before fetch", [](Manifest& m) {
    CborValue& sequence = m.install();
    exchange(sequence, place(sequence, 21), place(sequence, 3, 0));
  });
  order("image-match before copy", [](Manifest& m) {
    CborValue& sequence = m.install();
    exchange(sequence, place(sequence, 22), place(sequence, 3, 1));
  });
  order("vendor condition before the vendor", [](Manifest& m) {
    CborValue& sequence = m.shared();
    exchange(sequence, place(sequence, 20), place(sequence, 1));
  });
  order("copy from component 1", [](Manifest& m) {
    CborValue& sequence = m.install();
    exchange(sequence, place(sequence, 12, 0), place(sequence, 12, 1));
  });
}

void add_parameters(Attacks& all) {
  const auto parameter = [&](const char* what, Status expected, Change change) {
    add(all, std::string("parameter: ") + what, expected, std::move(change));
  };
  for (const auto& [what, key] : {std::pair{"slot", 5},
                                  {"strict order", 12},
                                  {"soft failure", 13},
                                  {"content", 18},
                                  {"invoke arguments", 23},
                                  {"fetch arguments", 25},
                                  {"of the vendor", -1}}) {
    parameter((std::string(what) + " is not known").c_str(), Status::unsupported_command,
              [key = key](Manifest& m) { set(Manifest::parameters(m.install(), 1), key, number(1)); });
  }
  parameter("vendor replaced after its condition", Status::malformed, [](Manifest& m) {
    append(m.shared(), 20, map_of({number(1), CborValue::bytes_of(package::Uuid{1})}));
  });
  parameter("digest replaced after its match", Status::malformed, [](Manifest& m) {
    append(m.install(), 20, map_of({number(3), CborValue::bytes_of(digest_item(Bytes{1}))}));
  });
  parameter("size set again", Status::malformed, [](Manifest& m) {
    append(m.install(), 20, map_of({number(14), number(5)}));
  });
  parameter("requirements set again", Status::malformed, [](Manifest& m) {
    append(m.shared(), 20, map_of({number(-300), CborValue::bytes_of(package::write_cbor(m.requirements()))}));
  });
  parameter("twice in one map", Status::not_canonical, [](Manifest& m) {
    CborValue& values = Manifest::parameters(m.install(), 0);
    const CborValue size = *values.find(14);
    values.items.insert(values.items.begin() + 4, {number(14), size});
  });
  parameter("a URI elsewhere", Status::unsupported_command, [](Manifest& m) {
    set(Manifest::parameters(m.install(), 0), 21, CborValue::text("http://198.51.100.7/module"));
  });
  parameter("a URI for the slot", Status::malformed,
            [](Manifest& m) { set(Manifest::parameters(m.install(), 1), 21, CborValue::text("#module")); });
  parameter("copy from the slot itself", Status::unsupported_command,
            [](Manifest& m) { set(Manifest::parameters(m.install(), 1), 22, number(1)); });
  parameter("encryption of what is carried", Status::malformed,
            [](Manifest& m) { set(Manifest::parameters(m.install(), 0), 19, CborValue::bytes_of(Bytes{0x80})); });
  parameter("a vendor of 15 bytes", Status::malformed,
            [](Manifest& m) { set(Manifest::parameters(m.shared()), 1, CborValue::bytes_of(Bytes(15))); });
  parameter("a digest of 31 bytes", Status::malformed, [](Manifest& m) {
    set(Manifest::parameters(m.install(), 1), 3,
        CborValue::bytes_of(package::write_cbor(CborValue::array({number(-16), CborValue::bytes_of(Bytes(31))}))));
  });
  parameter("a digest of SHA-1", Status::unsupported_algorithm, [](Manifest& m) {
    set(Manifest::parameters(m.install(), 1), 3,
        CborValue::bytes_of(package::write_cbor(CborValue::array({number(-14), CborValue::bytes_of(Bytes(20))}))));
  });
  parameter("a battery of 101 %", Status::too_large,
            [](Manifest& m) { set(Manifest::parameters(m.shared()), 26, number(101)); });
  parameter("a size of 2^40", Status::too_large,
            [](Manifest& m) { set(Manifest::parameters(m.install(), 0), 14, number(std::int64_t{1} << 40)); });
  parameter("a size of 0", Status::malformed,
            [](Manifest& m) { set(Manifest::parameters(m.install(), 1), 14, number(0)); });
  parameter("a requirement that is not known", Status::unsupported_command,
            [](Manifest& m) { set(m.requirements(), 13, number(1)); });
  parameter("an agreement of 1001 in 1000", Status::too_large,
            [](Manifest& m) { set(m.requirements(), 11, number(1001)); });
  parameter("a core of 33 bits", Status::too_large,
            [](Manifest& m) { set(m.requirements(), 1, number(std::int64_t{1} << 32)); });
}

void add_fit(Attacks& all) {
  const auto by_options = [&](const char* what, Status expected,
                              std::function<void(package::BundleOptions&, const Cast&)> change) {
    all.push_back(refused(what, expected, [change](const Stage& s) {
      package::BundleOptions options = s.options(11);
      change(options, s.cast);
      return s.bundle(s.models.second.module, options);
    }));
  };
  by_options("wrong device: vendor", Status::wrong_vendor, [](auto& o, const Cast& c) { o.vendor = c.other_vendor; });
  by_options("wrong device: class", Status::wrong_class, [](auto& o, const Cast& c) { o.klass = c.other_class; });
  by_options("wrong device: id", Status::wrong_device, [](auto& o, const Cast&) { o.device = package::Uuid{7}; });
  by_options("wrong device: firmware too old", Status::wrong_dependency,
             [](auto& o, const Cast&) { o.firmware_version = 4; });

  const auto requirement = [&](const char* what, Status expected, int key, std::int64_t value) {
    add(all, std::string("does not fit: ") + what, expected,
        [=](Manifest& m) { set(m.requirements(), key, number(value)); });
  };
  requirement("another core", Status::wrong_core, 1, 1);
  requirement("an instruction set extension", Status::wrong_core, 2, 1);
  requirement("a later ABI", Status::wrong_abi, 3, 2);
  requirement("an earlier ABI", Status::wrong_abi, 3, 0);
  requirement("a later op set", Status::wrong_abi, 4, 99);
  requirement("an oversized arena", Status::arena_too_large, 5, 1 << 30);
  requirement("an arena one byte too large", Status::arena_too_large, 5, 0);
  all.back().parcel = [](const Stage& s) {
    return s.changed(
        [&](Manifest& m) { set(m.requirements(), 5, number(static_cast<std::int64_t>(s.models.arena_bytes) + 1)); });
  };
  requirement("an oversized stack", Status::arena_too_large, 6, 5000);
  add(all, "does not fit: a module larger than the slot", Status::module_too_large,
      [](Manifest& m) { set(Manifest::parameters(m.install(), 1), 14, number(1 << 28)); });

  // The device wants certain schemas; good modules have them.
  const auto schemas = [](Stage& s) {
    s.hardware.runtime.sensor_schema[0] = 0x51;
    s.hardware.runtime.feature_schema[0] = 0x52;
    s.good_module = s.module([](device::ModuleHeader& h) {
      h.sensor_schema[0] = 0x51;
      h.feature_schema[0] = 0x52;
    });
  };
  const auto with_schemas = [&](const char* what, Status expected, std::uint8_t sensor, std::uint8_t feature) {
    Attack attack = refused(std::string("wrong schema: ") + what, expected, [=](const Stage& s) {
      return s.bundle(s.module([&](device::ModuleHeader& h) {
        h.sensor_schema[0] = sensor;
        h.feature_schema[0] = feature;
      }),
                      s.options(11));
    });
    attack.prepare = schemas;
    all.push_back(std::move(attack));
  };
  with_schemas("of another sensor", Status::wrong_sensor_schema, 0x61, 0x52);
  with_schemas("of no sensor", Status::wrong_sensor_schema, 0, 0x52);
  with_schemas("of other features", Status::wrong_feature_schema, 0x51, 0x62);
  with_schemas("of no features", Status::wrong_feature_schema, 0x51, 0);

  // A manifest that says less than its module needs: noticed when the module is in the slot, before it is called.
  const auto lie = [&](const char* what, Status expected, std::function<void(device::ModuleHeader&)> change,
                       std::function<void(Stage&)> prepare = {}) {
    Attack attack = refused(std::string("a manifest that lies: ") + what, expected, [change](const Stage& s) {
      return s.changed([&](Manifest& m) {
        if (s.hardware.runtime.sensor_schema[0] != 0) {
          Bytes schema(8);
          schema[0] = 0x51;
          set(m.requirements(), 7, CborValue::bytes_of(schema));
          schema[0] = 0x52;
          set(m.requirements(), 8, CborValue::bytes_of(schema));
        }
        m.carry(s.module(change));
      });
    });
    attack.notes_failure = true;
    attack.prepare = std::move(prepare);
    all.push_back(std::move(attack));
  };
  lie("no module", Status::malformed, [](device::ModuleHeader& h) { h.magic = 0; });
  lie("another core", Status::wrong_core, [](device::ModuleHeader& h) { h.core = 1; });
  lie("an extension", Status::wrong_core, [](device::ModuleHeader& h) { h.isa_features = 2; });
  lie("another ABI", Status::wrong_abi, [](device::ModuleHeader& h) { h.abi = 7; });
  lie("another size", Status::malformed, [](device::ModuleHeader& h) { h.module_bytes += 64; });
  lie("entry outside", Status::malformed, [](device::ModuleHeader& h) { h.entry_offset = h.module_bytes + 16; });
  lie("input outside of the arena", Status::malformed, [](device::ModuleHeader& h) { h.input_offset = h.arena_bytes; });
  lie("output outside of the arena", Status::malformed,
      [](device::ModuleHeader& h) { h.output_offset = h.arena_bytes; });
  lie("an oversized arena", Status::arena_too_large, [](device::ModuleHeader& h) { h.arena_bytes = 1u << 30; });
  lie("an oversized stack", Status::arena_too_large, [](device::ModuleHeader& h) { h.stack_bytes = 1u << 20; });
  lie(
      "of another sensor", Status::wrong_sensor_schema, [](device::ModuleHeader& h) { h.feature_schema[0] = 0x52; },
      schemas);
  lie(
      "of other features", Status::wrong_feature_schema, [](device::ModuleHeader& h) { h.sensor_schema[0] = 0x51; },
      schemas);
  lie("test vectors outside", Status::malformed, [](device::ModuleHeader& h) { h.vectors_count = 1u << 31; });
}

void add_behaviour(Attacks& all) {
  Attack untrue = refused("a bad model: fails its own vectors", Status::self_test_failed,
                          [](const Stage& s) { return s.bundle(s.models.untrue.module, s.options(11)); });
  untrue.notes_failure = true;
  all.push_back(untrue);

  Attack disagrees = refused("a bad model: answers otherwise", Status::shadow_disagrees, [](const Stage& s) {
    package::BundleOptions options = s.options(11);
    options.shadow_inferences = 32;
    options.shadow_permille = 900;
    return s.bundle(s.models.disagreeing.module, options);
  });
  disagrees.notes_failure = true;
  all.push_back(disagrees);

  all.push_back(scripted("a bad model: offered again under a later number", false, [](Stage& s) -> std::string {
    if (const Status first = s.give(s.bundle(s.models.untrue.module, s.options(11)), Delivery::card);
        first != Status::self_test_failed)
      return name(first);
    const Status again = s.give(s.bundle(s.models.untrue.module, s.options(12)), Delivery::inbox);
    return again == Status::failed_before && s.running() == kFactorySequence ? "" : name(again);
  }));
  all.push_back(scripted("a bad model: never answers in its trial", true, [](Stage& s) -> std::string {
    package::BundleOptions options = s.options(11);
    options.shadow_inferences = 0;
    options.trial_inferences = 100;
    const Bytes parcel = s.bundle(s.models.second.module, options);
    if (const Status status = s.announce(parcel); status != Status::waiting) return name(status);
    while (s.agent().phase() == update::Phase::preparing) s.agent().step();
    for (std::uint32_t i = 0; update::Inbox* inbox = s.agent().inbox(); ++i) {
      if (i == inbox->block_count()) break;
      static_cast<void>(inbox->put(i, {parcel.data() + 256 * i, inbox->block_size(i)}));
      s.agent().step();
    }
    while (s.agent().phase() != update::Phase::trial && s.agent().phase() != update::Phase::idle) s.agent().step();
    if (s.agent().phase() != update::Phase::trial) return name(s.agent().last_status());
    // The watchdog bites twice.
    for (int i = 0; i < 2; ++i) static_cast<void>(s.restart(update::ResetCause::watchdog));
    if (s.agent().last_status() != Status::not_confirmed) return name(s.agent().last_status());
    return s.running() == kFactorySequence ? "" : "another module runs";
  }));
}

}  // namespace

void add_manifests(Attacks& all) {
  add_commands(all);
  add_omissions(all);
  add_parameters(all);
  add_fit(all);
  add_behaviour(all);
}

}  // namespace mote::simulation
