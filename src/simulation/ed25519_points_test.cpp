// Ed25519 at points where an implementation of the group goes wrong without random tests noticing: sums of a point with
// itself, its negative and the neutral element; and with keys and R that have a part of small order, where verifiers
// differ (RFC 8032 allows both). Ours has no cofactor: it takes a signature exactly when S B = R + h A, with h below
// the order of B.
//
// Made with an implementation in integers, from secret scalar a, nonce r, and multiples i, j of a point of order 8 that
// are added to key and R. The cases are those of Chalkias, Garillot, Nikolaenko: Taming the many EdDSAs (2020), table
// 6, and more. OpenSSL has the same verdict of each, but for keys of small order.

#include "crypto_reference.hpp"

namespace mote::simulation {
namespace {

struct Case {
  const char *name, *key, *signature, *message;
  bool valid;
  bool is_key_of_small_order = false;  // the equation holds all the same, and OpenSSL says so
};

const Case kCases[] = {
    {"the_key_is_the_base_point", "5866666666666666666666666666666666666666666666666666666666666666",
     "ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a08156ab4f6ad4c07eb5da01d3c3bbac92ffe5c7c2499cf4f6af5"
     "72852e692099301",
     "d952bcd1", true},
    {"the_key_is_its_negative", "58666666666666666666666666666666666666666666666666666666666666e6",
     "ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a081921eb9a5e56773baa57fa7109b91283577481f94e17d2495c"
     "ce84bec4506c207",
     "b0aa366e", true},
    {"key_and_nonce_are_the_base_point", "5866666666666666666666666666666666666666666666666666666666666666",
     "58666666666666666666666666666666666666666666666666666666666666666487119426fe74a5c8319a94ea86e389260ca87ae66bc62e7"
     "d1390bdee3fb707",
     "09162edd", true},
    {"the_key_is_twice_the_base_point", "c9a3f86aae465f0e56513864510f3997561fa2c9e85ea21dc2292309f3cd6022",
     "c9a3f86aae465f0e56513864510f3997561fa2c9e85ea21dc2292309f3cd60229a8a018d27d4872f74a153dfefab73d4c2862a90846aba4d5"
     "86324c671fb9404",
     "5f30db8c", true},
    {"r_is_the_neutral_element", "d3525b2e1a7ad939783e0e99e4d4175f8a3c883b479ac3a7e77b9fc14a1c8409",
     "010000000000000000000000000000000000000000000000000000000000000020e0cb61322cdecc3b2d884e3ba4a5131e30810b839c40843"
     "323c4f0a8f28b0a",
     "4d9a4647", true},
    {"a_third", "a57766449a934461866051263c8785663857640e5a32d702f21e085bc31a0283",
     "a57766449a934461866051263c8785663857640e5a32d702f21e085bc31a0283a841cef51c782516c4ae58b977d0d74a3817a5fc234f29a69"
     "8e1e5b94f68b208",
     "3a6ad6b4", true},
    {"a_half", "ac1999070321b2c6309cc8e31aa89a8b3baa75b5f8febf47855555a3e744bcf0",
     "ac1999070321b2c6309cc8e31aa89a8b3baa75b5f8febf47855555a3e744bc7060c324304a52408e3c78c3418f8462dcec82cb030dd375856"
     "54be74bf0df720c",
     "4ddf506a", true},
    {"the_longest_carry", "b8421c03ad2c038eacd7982913c60229b5d4e7cfcc8b83ec35c79c74b7ad855f",
     "ee16e4099cbf9b5d456ece254ded2b241d1f5de8476d79d733cde687ef1025c91856041b60d690e3ea49beb56fb3491bf1a7e1c391f460a13"
     "c1973416fafbc0d",
     "4a1b89fc", true},
    {"key_of_mixed_order_whose_part_is_annulled", "b46d3334f30c4899832dfd21c58398f71a049f079208445e3eca96ff3f9a09c6",
     "31d309a65b2287b22c250e43c2a31a5dc4bf3379380dcba9f65b75586cb1f7593c923dd07df52c11edd5b059f8e0e12db0fa0b1e35ce50402"
     "7b32c5cfd65670c",
     "5ddf2df5", true},
    {"key_of_mixed_order_whose_part_is_not", "79014b316060bb2a6e5615901723d0feabad2a58fb17a326691e6a912281bf44",
     "ed2886c9c244a5e28d5eca7cd3538188e510f5c67f5d156e172030869ecb893b314fe53b54e424a3a69d4108a5d478cc0b3d18b73b2230b4e"
     "eb103a493264206",
     "ff87123b", false},
    {"key_with_a_part_of_order_2", "50eb0c3ffca14512d3e98fa61bddb173290c836dd1a02ed735765c7726899518",
     "c0cc73f29624da8bee19911b2f37b6570e712e8ce2c4dd85e7417fcf061c9039eca2216461d472f15feb222796d0a0635d9c03e7b39d44462"
     "e9df265a6622a09",
     "f09a1c2d", false},
    {"r_of_mixed_order", "d49208ac6ef9d61a9a0b6876cd77f7b17f13c28061eb7ca27e6ac2281edc7f1b",
     "2b24f5faf03d1a0fca4510c4f6427ea86b6ec2f85c7cd155f54f019314aaf04f5e713cb5b237ad5a04f88cbc5ef08e7ee4648a52ae33f19d2"
     "c888a193448a308",
     "bd7dbb26", false},
    {"r_with_a_part_of_order_2", "babeda6c2eb50a96edd3e6b64184c5cba1f6d2d48989aef289a541d7333d4330",
     "d3953009f4282306a6ee1669cec0d1482e0721451bad550f5912e4013cd8e9ca882cc3b0712b64af92d7e05abf8771df4f7854b44472ac386"
     "f9fe1acc53ec208",
     "7686613b", false},
    {"parts_of_key_and_r_that_cancel", "174becf662adf4b86bbf016a45d83f0ee029a5aa8ae6e3985fed31dc081c7859",
     "0f3b06a7538bd76e6d9235fc4674567fa43503bab4871c6265a1bdb704309754e787ddfbd634d3e780b5cf244b41402b441eb236c22f48582"
     "b5911fbb02b0a09",
     "9e901603", true},
    {"r_of_small_order_that_cancels", "ef88cd424362f0c7ca8c94a9cfe0b43b13489584520795d56a70f1c441e9625f",
     "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc051bd6782e493abde2b2a96532930bcb03ff2b134b8c9931790"
     "de319c120a81205",
     "7f84267c", true},
    {"r_is_neutral_with_its_sign_set", "4fca1843fbf765614e010408647bcd212e1be5c2c69be9bcc7bed1b01ef220a9",
     "010000000000000000000000000000000000000000000000000000000000008077872fa137f13c77b86771d6ebafec45510dbf39fe1192dbe"
     "96c963d9c587b00",
     "2106f084", false},
    {"r_is_neutral_with_y_above_the_prime", "4fca1843fbf765614e010408647bcd212e1be5c2c69be9bcc7bed1b01ef220a9",
     "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7fda744f12a5ed0bd29f536994da7ed2f625a37e4086aab4a18"
     "27a6b7b6ee60304",
     "7762f0f3", false},
    {"r_is_neutral_with_y_above_the_prime_and_its_sign_set",
     "4fca1843fbf765614e010408647bcd212e1be5c2c69be9bcc7bed1b01ef220a9",
     "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff20c89001bf8d9a4acc79b35bab75bf78b68e9ce9be5a58b39"
     "6e98cd01d451d09",
     "cb4d764d", false},
    {"r_of_order_2_that_cancels", "d74a9323af23390d878c156eae572254182113a208d5f684b70fd5bb6fe2eaf1",
     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7fe585df3f54309c66289ab6126d81600e6c1fc94424d5233f4"
     "56eb8945e066c0b",
     "a7356c88", true},
    {"r_of_order_2_that_cancels_with_its_sign_set", "d74a9323af23390d878c156eae572254182113a208d5f684b70fd5bb6fe2eaf1",
     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff6efee24a77655a587e2a249943120f7b82b42b3305167b036"
     "463ed6230789700",
     "f72db022", false},
    {"r_of_order_4_that_cancels", "d74a9323af23390d878c156eae572254182113a208d5f684b70fd5bb6fe2eaf1",
     "000000000000000000000000000000000000000000000000000000000000008022c29cb3d4d966e7d0eb320a9480707192a2fb773cd1c23e9"
     "ca448e70cbd7d04",
     "dad43c16", true},
    {"r_of_order_4_that_cancels_with_y_above_the_prime",
     "d74a9323af23390d878c156eae572254182113a208d5f684b70fd5bb6fe2eaf1",
     "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffefc27d7fcb8f54a2e45a5d08b94047fd2d2c398499fe004d9"
     "501aaa4c8887a06",
     "8a733d11", false},
    {"an_ordinary_signature", "4fca1843fbf765614e010408647bcd212e1be5c2c69be9bcc7bed1b01ef220a9",
     "d7871b7e4c26c7b3da6d33201837259fd57826082bbc7091648a226eda9b7473295443cbfa9539f6270f983f5fe76b2dab18f9513b4779a04"
     "9dab8c004c4560a",
     "b042d795", true},
    {"its_scalar_plus_the_order", "4fca1843fbf765614e010408647bcd212e1be5c2c69be9bcc7bed1b01ef220a9",
     "d7871b7e4c26c7b3da6d33201837259fd57826082bbc7091648a226eda9b74731628392815f94b4efeab8fe23de14a42ab18f9513b4779a04"
     "9dab8c004c4561a",
     "b042d795", false},
    {"its_scalar_plus_as_often_the_order_as_fits", "4fca1843fbf765614e010408647bcd212e1be5c2c69be9bcc7bed1b01ef220a9",
     "d7871b7e4c26c7b3da6d33201837259fd57826082bbc7091648a226eda9b74730cbfaa3d86644d1fb73f1acc6a8b7c66ac18f9513b4779a04"
     "9dab8c004c456fa",
     "b042d795", false},
    {"its_r_negated", "4fca1843fbf765614e010408647bcd212e1be5c2c69be9bcc7bed1b01ef220a9",
     "d7871b7e4c26c7b3da6d33201837259fd57826082bbc7091648a226eda9b74f3295443cbfa9539f6270f983f5fe76b2dab18f9513b4779a04"
     "9dab8c004c4560a",
     "b042d795", false},
    {"key_is_neutral", "0100000000000000000000000000000000000000000000000000000000000000",
     "d7871b7e4c26c7b3da6d33201837259fd57826082bbc7091648a226eda9b74732f83ff2e96401ddd92d051474c6d1157ee63a6ce524cf4d30"
     "20056a4d9b1bc02",
     "8aedb1d5", false, true},
    {"key_is_neutral_with_its_sign_set", "0100000000000000000000000000000000000000000000000000000000000080",
     "d7871b7e4c26c7b3da6d33201837259fd57826082bbc7091648a226eda9b74732f83ff2e96401ddd92d051474c6d1157ee63a6ce524cf4d30"
     "20056a4d9b1bc02",
     "94d6d112", false, true},
    {"key_is_neutral_with_y_above_the_prime", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
     "d7871b7e4c26c7b3da6d33201837259fd57826082bbc7091648a226eda9b74732f83ff2e96401ddd92d051474c6d1157ee63a6ce524cf4d30"
     "20056a4d9b1bc02",
     "d34f6602", false, true},
    {"key_of_order_8", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
     "d7871b7e4c26c7b3da6d33201837259fd57826082bbc7091648a226eda9b74732f83ff2e96401ddd92d051474c6d1157ee63a6ce524cf4d30"
     "20056a4d9b1bc02",
     "f4de7110", false, true},
    {"key_of_order_2_with_its_sign_set", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "d7871b7e4c26c7b3da6d33201837259fd57826082bbc7091648a226eda9b74732f83ff2e96401ddd92d051474c6d1157ee63a6ce524cf4d30"
     "20056a4d9b1bc02",
     "171165dc", false, true},
    {"key_of_order_4_with_y_above_the_prime", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "d7871b7e4c26c7b3da6d33201837259fd57826082bbc7091648a226eda9b74732f83ff2e96401ddd92d051474c6d1157ee63a6ce524cf4d30"
     "20056a4d9b1bc02",
     "1906f63d", false, true},
    {"key_and_r_of_order_8_with_scalar_0", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
     "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc050000000000000000000000000000000000000000000000000"
     "000000000000000",
     "001c4017", false, true},
};

class Ed25519Points : public testing::TestWithParam<Case> {};

TEST_P(Ed25519Points, has_the_verdict_of_the_equation) {
  using update::Block;
  const Case& test = GetParam();
  const Block<32> key(test.key);
  const Block<64> signature(test.signature);
  Block<4> message(test.message);
  EXPECT_EQ(update::verify_ed25519(key.bytes, signature.bytes, message.bytes), test.valid);
  EXPECT_EQ(update::reference::verify_ed25519(key.raw(), signature.raw(), message.raw()),
            test.valid || test.is_key_of_small_order);
  message.bytes[0] ^= 1;  // another h: whatever was equal is so no longer
  EXPECT_FALSE(update::verify_ed25519(key.bytes, signature.bytes, message.bytes));
}

INSTANTIATE_TEST_SUITE_P(Each, Ed25519Points, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case>& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace mote::simulation
