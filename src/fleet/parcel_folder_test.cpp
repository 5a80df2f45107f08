#include "mote/fleet/parcel_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mote/fleet/http_range.hpp"
#include "test_parcels.hpp"

namespace mote::fleet {
namespace {

using testing::ElementsAre;

std::vector<std::string> names(const std::vector<ListedParcel>& parcels) {
  std::vector<std::string> all;
  for (const ListedParcel& parcel : parcels) all.push_back(parcel.name);
  return all;
}

ParcelQuery thermometer(std::uint64_t sequence) {
  ParcelQuery query;
  query.vendor = bundle_options(1).vendor;
  query.klass = bundle_options(1).klass;
  query.sequence = sequence;
  return query;
}

package::BundleOptions delta(std::uint64_t sequence, std::uint8_t base) {
  package::BundleOptions options = bundle_options(sequence);
  options.delta = package::Delta{Bytes(40, 1), small_module(base)};
  return options;
}

TEST(ParcelFolder, lists_what_a_device_can_use_best_first) {
  TestFolder folder;
  folder.add("v1.parcel", bundle(bundle_options(1)));
  folder.add("v2.parcel", bundle(bundle_options(2)));
  folder.add("v3.parcel", bundle(bundle_options(3)));
  folder.add("v3-from-2.parcel", bundle(delta(3, 2)));
  folder.add("v3-from-1.parcel", bundle(delta(3, 1)));
  auto other = bundle_options(9);
  other.klass = package::class_id(other.vendor, "kettle");
  folder.add("kettle.parcel", bundle(other));
  auto single = bundle_options(8);
  single.device = package::Uuid{7};
  folder.add("one-device.parcel", bundle(single));
  folder.add("time.parcel", package::write_time({1000, bundle_options(1).klass, 3}, test_key()));

  ParcelQuery query = thermometer(2);
  EXPECT_THAT(names(folder.parcels->list(query)), ElementsAre("v3.parcel", "time.parcel"));
  query.base = sha256(small_module(2));
  const auto listed = folder.parcels->list(query);
  EXPECT_THAT(names(listed), ElementsAre("v3-from-2.parcel", "v3.parcel", "time.parcel"));
  EXPECT_EQ(listed[0].sequence, 3u);
  EXPECT_EQ(listed[0].base, query.base);
  EXPECT_EQ(listed[1].digest, sha256(bundle(bundle_options(3))));
  query.device = package::Uuid{7};
  EXPECT_EQ(names(folder.parcels->list(query))[0], "one-device.parcel");
  EXPECT_THAT(names(folder.parcels->list(thermometer(9))), ElementsAre("time.parcel"));
  EXPECT_THAT(names(folder.parcels->list({})),
              ElementsAre("kettle.parcel", "v3.parcel", "v2.parcel", "v1.parcel", "time.parcel"));
}

TEST(ParcelFolder, a_parcel_of_several_messages_counts_by_its_best_bundle) {
  TestFolder folder;
  const Bytes messages[] = {package::write_time({1000, bundle_options(1).klass, 3}, test_key()), bundle(delta(5, 4)),
                            bundle(bundle_options(5)), bundle(bundle_options(4))};
  folder.add("all.parcel", package::join(messages));
  const auto listed = folder.parcels->list(thermometer(3));
  ASSERT_EQ(listed.size(), 1u);
  EXPECT_EQ(listed[0].sequence, 5u);
  EXPECT_FALSE(listed[0].base);
}

TEST(ParcelFolder, follows_the_folder_and_keeps_what_is_being_read) {
  TestFolder folder;
  const Bytes first = folder.add("a", random_bytes(100, 1));
  const auto held = folder.parcels->find("a");
  ASSERT_TRUE(held);
  const Bytes second = folder.add("a", random_bytes(101, 2));
  EXPECT_EQ(folder.parcels->find("a")->bytes, second);
  EXPECT_EQ(held->bytes, first);
  std::filesystem::remove(folder.path() / "a");
  EXPECT_FALSE(folder.parcels->find("a"));
  EXPECT_TRUE(names(folder.parcels->list({})).empty());
}

TEST(ParcelFolder, offers_nothing_but_plain_files_with_plain_names) {
  TestFolder folder;
  folder.add(".hidden", {1});
  folder.add("a b", {1});
  folder.add("noise", random_bytes(300, 1));
  std::filesystem::create_directory(folder.path() / "folder");
  for (const char* name : {"", ".", "..", "../x", ".hidden", "a b", "folder", "a/b", "/etc/passwd"})
    EXPECT_FALSE(folder.parcels->find(name)) << name;
  EXPECT_TRUE(folder.parcels->find("noise"));
  EXPECT_TRUE(folder.parcels->list({}).empty()) << "no parcel, so of use to nobody";
  EXPECT_FALSE(ParcelFolder::open(folder.path() / "missing"));
}

TEST(ParcelList, questions_and_answers_come_back) {
  ParcelQuery query = thermometer(12345678901234567890u);
  query.base = sha256("base");
  query.device = package::Uuid{1, 2, 3};
  const auto again = parse_query(print_query(query));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->vendor, query.vendor);
  EXPECT_EQ(again->klass, query.klass);
  EXPECT_EQ(again->device, query.device);
  EXPECT_EQ(again->sequence, query.sequence);
  EXPECT_EQ(again->base, query.base);
  EXPECT_TRUE(parse_query("vendor=2ed6657d-e927-568b-95e1-2665a8aea6a2&future=1&&x").value().vendor);
  for (const char* bad :
       {"vendor=12", "class=zz", "sequence=", "sequence=-1", "sequence=1x", "base=00", "sequence=18446744073709551616"})
    EXPECT_FALSE(parse_query(bad)) << bad;

  const std::vector<ListedParcel> parcels{{"a", 3, 100, sha256("a"), std::nullopt},
                                          {"b", 2, 50, sha256("b"), sha256("c")}};
  for (const auto& list : {parcels_from_json(to_json(parcels)), parcels_from_cbor(to_cbor(parcels))}) {
    ASSERT_TRUE(list);
    ASSERT_EQ(list->size(), 2u);
    EXPECT_EQ((*list)[1].name, "b");
    EXPECT_EQ((*list)[1].sequence, 2u);
    EXPECT_EQ((*list)[1].bytes, 50u);
    EXPECT_EQ((*list)[1].digest, sha256("b"));
    EXPECT_EQ((*list)[1].base, sha256("c"));
    EXPECT_FALSE((*list)[0].base);
  }
  for (const char* bad :
       {"", "{}", "[1]", R"([{"name":1}])", R"([{"name":"a","sequence":1,"bytes":1,"digest":"00","base":null}])"})
    EXPECT_FALSE(parcels_from_json(bad)) << bad;
  EXPECT_FALSE(parcels_from_cbor(Bytes{}));
  EXPECT_FALSE(parcels_from_cbor(Bytes{0x81, 0x81, 0x01}));
}

TEST(HttpRange, is_what_the_rfc_says_at_every_border) {
  using Kind = RangeAnswer::Kind;
  const auto part = [](const char* header, std::uint64_t first, std::uint64_t last, std::uint64_t size = 1000) {
    const RangeAnswer answer = parse_range(header, size);
    EXPECT_EQ(answer.kind, Kind::part) << header;
    EXPECT_EQ(answer.first, first) << header;
    EXPECT_EQ(answer.last, last) << header;
  };
  part("bytes=0-0", 0, 0);
  part("bytes=0-", 0, 999);
  part("bytes=0-999", 0, 999);
  part("bytes=0-1000", 0, 999);
  part("bytes=0-99999999999999999999999", 0, 999);
  part("bytes=999-", 999, 999);
  part("bytes=999-999", 999, 999);
  part("bytes=-1", 999, 999);
  part("bytes=-1000", 0, 999);
  part("bytes=-1001", 0, 999);
  part("BYTES=500-600", 500, 600);
  part("bytes=0-0", 0, 0, 1);
  for (const char* header : {"bytes=1000-", "bytes=1000-1000", "bytes=-0", "bytes=99999999999999999999999-"})
    EXPECT_EQ(parse_range(header, 1000).kind, Kind::unsatisfiable) << header;
  EXPECT_EQ(parse_range("bytes=0-", 0).kind, Kind::unsatisfiable);
  EXPECT_EQ(parse_range("bytes=-5", 0).kind, Kind::unsatisfiable);
  for (const char* header : {"", "bytes", "bytes=", "bytes=-", "bytes=a-", "bytes=1-a", "bytes=5-4", "bytes=0-1,3-4",
                             "bytes= 0-1", "items=0-1", "bytes=+1-2", "bytes=--1", "bytes=0--1"})
    EXPECT_EQ(parse_range(header, 1000).kind, Kind::whole) << header;
}

}  // namespace
}  // namespace mote::fleet
