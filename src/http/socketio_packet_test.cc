#include "http/socketio_packet.h"

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

constexpr size_t kAttachments = 4;

std::optional<SocketPacket> decode(std::string_view text) {
  return decode_socket_packet(text, kAttachments);
}

TEST(SocketPacket, RoundTrips) {
  for (const std::string_view text :
       {"0", "0/custom,", R"(0{"token":"123"})", R"(0/custom,{"token":"abc"})", "1", "1/custom,",
        R"(2["online"])", R"(2["message",1,"2",{"3":[true]}])", R"(2456["e",null])",
        R"(2/custom,7["e"])", R"(3456[1,"2",{"3":[false]}])", R"(3/custom,1[])",
        R"(4/random,{"message":"Invalid namespace"})",
        R"(52-["m",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])",
        R"(51-/custom,9["m",{"_placeholder":true,"num":0}])",
        R"(61-789[{"_placeholder":true,"num":0}])", R"(50-["m"])"}) {
    const auto packet = decode(text);
    ASSERT_TRUE(packet) << text;
    EXPECT_EQ(encode_socket_packet(*packet), text);
  }
}

TEST(SocketPacket, ReadsEachPart) {
  const auto packet = decode(R"(51-/custom,12["m",{"_placeholder":true,"num":0}])");
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->type, SocketType::kBinaryEvent);
  EXPECT_EQ(packet->attachments, 1u);
  EXPECT_EQ(packet->name_space, "/custom");
  EXPECT_EQ(packet->id, 12u);
}

TEST(SocketPacket, NamespaceMayEndThePacketAndCarryAQuery) {
  EXPECT_EQ(decode("0/custom")->name_space, "/custom");
  EXPECT_EQ(decode("0/custom?token=a,")->name_space, "/custom");
  EXPECT_EQ(decode("1/custom")->name_space, "/custom");
}

TEST(SocketPacket, RefusesWhatIsMalformed) {
  for (const std::string_view bad : {"",
                                     "a",
                                     "abc",
                                     "7",
                                     "2",
                                     "2{}",
                                     "2[]",
                                     "2[1]",
                                     R"(2abc["e"])",
                                     R"(2["e")",
                                     R"(2["e"]x)",
                                     "3[1]",
                                     "312",
                                     "31{}",
                                     "0[]",
                                     "0\"x\"",
                                     R"(1{"a":1})",
                                     R"(5["e"])",
                                     R"(5-["e"])",
                                     R"(5x-["e"])",
                                     R"(55-["e"])",
                                     R"(599999999999999999999-["e"])",
                                     "4",
                                     "41",
                                     R"(299999999999999999999["e"])"})
    EXPECT_FALSE(decode(bad)) << bad;
}

TEST(SocketPacket, EachPlaceholderStandsForAnAttachment) {
  EXPECT_FALSE(decode(R"(51-["m",{"_placeholder":true,"num":1}])"));
  EXPECT_FALSE(decode(R"(51-["m",{"_placeholder":true,"num":-1}])"));
  EXPECT_FALSE(decode(R"(51-["m",{"_placeholder":true,"num":"splice"}])"));
  EXPECT_FALSE(decode(R"(51-["m",[{"a":{"_placeholder":true}}]])"));
  EXPECT_FALSE(decode(R"(2["m",{"_placeholder":true,"num":0}])"));
  EXPECT_TRUE(decode(R"(2["m",{"_placeholder":false}])"));
}

TEST(SocketPacket, BoundsDepthAndNames) {
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  EXPECT_FALSE(decode(R"(2["e",)" + deep + "]"));
  EXPECT_FALSE(decode("0/" + std::string(300, 'a')));
}

}  // namespace
}  // namespace loopcast::http
