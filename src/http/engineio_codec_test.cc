#include "http/engineio_codec.h"

#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

using namespace std::string_literals;
using Packets = std::vector<EnginePacket>;

const Packets kHelloAndBinary = {{EngineType::kMessage, "hello", false},
                                 {EngineType::kMessage, "\1\2\3\4", true}};

TEST(EngineCodec, Revision4SeparatesPacketsByRecordSeparators) {
  const std::string body =
      "4hello\x1e"
      "bAQIDBA==";
  EXPECT_EQ(decode_engine_payload(4, body, false), kHelloAndBinary);
  EXPECT_EQ(encode_engine_payload(4, kHelloAndBinary, true), (EngineFrame{body, false}));
}

TEST(EngineCodec, Revision3PrefixesLengths) {
  const std::string body = "6:4hello10:b4AQIDBA==";
  EXPECT_EQ(decode_engine_payload(3, body, false), kHelloAndBinary);
  EXPECT_EQ(encode_engine_payload(3, kHelloAndBinary, false), (EngineFrame{body, false}));
}

TEST(EngineCodec, Revision3LengthsAreUtf16CodeUnits) {
  const Packets packets = {{EngineType::kMessage, "\u4f60\u597d", false},
                           {EngineType::kMessage, "\U0001F600", false}};
  const std::string body =
      "3:4\u4f60\u597d"
      "3:4\U0001F600";
  EXPECT_EQ(encode_engine_payload(3, packets, true), (EngineFrame{body, false}));
  EXPECT_EQ(decode_engine_payload(3, body, false), packets);
}

TEST(EngineCodec, Revision3BinaryPayloadOnlyWhenAPacketIsBinary) {
  const std::string body(
      "\0\6\xff"
      "4hello\1\5\xff\4\1\2\3\4",
      17);
  EXPECT_EQ(encode_engine_payload(3, kHelloAndBinary, true), (EngineFrame{body, true}));
  EXPECT_EQ(decode_engine_payload(3, body, true), kHelloAndBinary);
  const Packets text = {{EngineType::kMessage, "hi", false}};
  EXPECT_FALSE(encode_engine_payload(3, text, true).binary);
}

TEST(EngineCodec, Revision3BinaryPayloadHasDecimalDigitsAndBytes) {
  const Packets packets = {{EngineType::kMessage, "\u4f60" + std::string(120, 'x'), false},
                           {EngineType::kMessage, "\xff", true}};
  const EngineFrame frame = encode_engine_payload(3, packets, true);
  EXPECT_EQ(frame.data.substr(0, 5), "\0\1\2\4\xff"s);
  EXPECT_EQ(decode_engine_payload(3, frame.data, true), packets);
}

TEST(EngineCodec, FramesOfWebSocket) {
  const EnginePacket text{EngineType::kMessage, "hi", false};
  const EnginePacket binary{EngineType::kMessage, "\1\2", true};
  EXPECT_EQ(encode_engine_frame(4, text), (EngineFrame{"4hi", false}));
  EXPECT_EQ(encode_engine_frame(4, binary), (EngineFrame{"\1\2", true}));
  EXPECT_EQ(encode_engine_frame(3, binary), (EngineFrame{"\4\1\2", true}));
  EXPECT_EQ(decode_engine_frame(4, "4hi", false), text);
  EXPECT_EQ(decode_engine_frame(4, "\1\2", true), binary);
  EXPECT_EQ(decode_engine_frame(3, "\4\1\2", true), binary);
  EXPECT_EQ(decode_engine_frame(3, "b4AQI=", false), binary);
  EXPECT_EQ(decode_engine_frame(3, "2probe", false),
            (EnginePacket{EngineType::kPing, "probe", false}));
}

TEST(EngineCodec, RefusesMalformedFrames) {
  for (const int protocol : {3, 4})
    for (const std::string_view bad : {"", "7", "abc", "4\xff", "b!", "bA"})
      EXPECT_EQ(decode_engine_frame(protocol, bad, false), std::nullopt) << bad;
  EXPECT_EQ(decode_engine_frame(3, "", true), std::nullopt);
  EXPECT_EQ(decode_engine_frame(3, "\1x", true), std::nullopt);
  EXPECT_EQ(decode_engine_frame(3, "b2AQI=", false), std::nullopt);
}

TEST(EngineCodec, RefusesMalformedPayloads) {
  for (const std::string_view bad : {"", "abc", "6:4hell", ":4", "0:", "1", "1:9", "x:4a", "-1:4",
                                     "9999999999:4", "2:4\xff", "2:4\U0001F600"})
    EXPECT_EQ(decode_engine_payload(3, bad, false), std::nullopt) << bad;
  for (const std::string_view bad : {"", "abc", "4a\x1e",
                                     "\x1e"
                                     "4a",
                                     "4a\x1e\x1e"
                                     "4b"})
    EXPECT_EQ(decode_engine_payload(4, bad, false), std::nullopt) << bad;
  for (const std::string& bad : {"\2\1\xff"
                                 "4"s,
                                 "\0\xff"
                                 "4"s,
                                 "\0\1"s,
                                 "\0\2\xff"
                                 "4"s,
                                 "\0\x0a\xff"
                                 "4"s,
                                 "\1\0\xff"s, "\0\1\1\1\1\1\1\1\1\1\1\xff"s})
    EXPECT_EQ(decode_engine_payload(3, bad, true), std::nullopt);
}

TEST(EngineCodec, BoundsThePacketsOfAPayload) {
  std::string body = "4";
  for (size_t i = 1; i < kMaxPacketsInPayload; ++i)
    body +=
        "\x1e"
        "4";
  EXPECT_TRUE(decode_engine_payload(4, body, false));
  EXPECT_FALSE(decode_engine_payload(4,
                                     body + "\x1e"
                                            "4",
                                     false));
}

}  // namespace
}  // namespace loopcast::http
