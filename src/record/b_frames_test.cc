// What x264 makes with B-frames, recorded and decoded again: each picture is shown when it was
// taken.
#include <cstdlib>

#include "record/recording_fixture.h"

namespace loopcast::record {
namespace {

constexpr int kWidth = 320, kHeight = 240, kPictures = 150;
constexpr uint32_t kStep = 3000;  // of the RTP clock

// A picture's brightness tells its number.
int brightness_of(int number) { return 40 + number; }

AvPtr<AVCodecContext> open_encoder() {
  const AVCodec* codec = avcodec_find_encoder_by_name("libx264");
  if (!codec) return nullptr;
  AvPtr<AVCodecContext> encoder(avcodec_alloc_context3(codec));
  encoder->width = kWidth;
  encoder->height = kHeight;
  encoder->pix_fmt = AV_PIX_FMT_YUV420P;
  encoder->time_base = {1, 30};
  encoder->gop_size = 30;
  encoder->max_b_frames = 3;
  encoder->thread_count = 1;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "preset", "veryfast", 0);
  av_dict_set(&options, "x264-params", "b-adapt=0:b-pyramid=normal:scenecut=0:slices=2", 0);
  const int opened = avcodec_open2(encoder.get(), codec, &options);
  av_dict_free(&options);
  return opened < 0 ? nullptr : std::move(encoder);
}

// The units of an access unit with start codes.
std::vector<Bytes> units_of(Bytes stream) {
  std::vector<size_t> starts;
  for (size_t i = 0; i + 3 <= stream.size(); ++i)
    if (stream[i] == 0 && stream[i + 1] == 0 && stream[i + 2] == 1) starts.push_back(i + 3);
  std::vector<Bytes> units;
  for (size_t i = 0; i < starts.size(); ++i) {
    size_t end = i + 1 < starts.size() ? starts[i + 1] - 3 : stream.size();
    while (i + 1 < starts.size() && end > starts[i] && stream[end - 1] == 0) --end;
    units.push_back(stream.subspan(starts[i], end - starts[i]));
  }
  return units;
}

class BFramesTest : public RecordingTest {
 protected:
  void send(Bytes payload, uint32_t timestamp, bool marker) {
    sfu::PacketBatch batch;
    batch.publisher = 1;
    batch.at = now;
    sfu::CachedPacket meta;
    meta.index = index_++;
    meta.timestamp = timestamp;
    meta.marker = marker;
    meta.payload_size = static_cast<uint16_t>(payload.size());
    meta.arrival = now;
    batch.packets.push_back({0, 0, meta});
    batch.bytes.assign(payload.begin(), payload.end());
    feed(batch);
  }
  void send_unit(Bytes unit, uint32_t timestamp, bool last) {
    constexpr size_t kMost = 1000;
    if (unit.size() <= kMost) return send(unit, timestamp, last);
    for (size_t from = 1; from < unit.size(); from += kMost) {
      const Bytes part = unit.subspan(from, std::min(kMost, unit.size() - from));
      const bool first = from == 1, end = from + part.size() == unit.size();
      std::vector<uint8_t> payload{
          static_cast<uint8_t>((unit[0] & 0xE0) | 28),
          static_cast<uint8_t>((first ? 0x80 : 0) | (end ? 0x40 : 0) | (unit[0] & 0x1F))};
      payload.insert(payload.end(), part.begin(), part.end());
      send(payload, timestamp, end && last);
    }
  }
  void send_picture(const AVPacket& packet) {
    const auto units = units_of({packet.data, static_cast<size_t>(packet.size)});
    const auto timestamp = 0xFFFF'F000 + static_cast<uint32_t>(packet.pts) * kStep;
    for (const Bytes unit : units)
      // The marker at the end of each slice is what some senders make of a hint.
      send_unit(unit, timestamp, (unit[0] & 0x1F) <= 5);
    advance(now + Duration::micros(1'000'000 / 30));
  }

  int64_t index_ = 100;
};

TEST_F(BFramesTest, OfX264AreShownWhenTheyWereTaken) {
  const auto encoder = open_encoder();
  if (!encoder) GTEST_SKIP() << "libavcodec has no x264";
  sfu::PacketBatch description;
  description.publisher = 1;
  description.at = now;
  description.streams.push_back({rtc::MediaKind::kVideo, wire::Codec::kH264, 90'000, {}});
  feed(description);
  const AvPtr<AVPacket> packet(av_packet_alloc());
  const AvPtr<AVFrame> picture(av_frame_alloc());
  picture->format = AV_PIX_FMT_YUV420P;
  picture->width = kWidth;
  picture->height = kHeight;
  ASSERT_GE(av_frame_get_buffer(picture.get(), 0), 0);
  int b_frames = 0;
  int64_t latest = -1;
  for (int number = 0; number <= kPictures; ++number) {
    if (number < kPictures) {
      ASSERT_GE(av_frame_make_writable(picture.get()), 0);
      for (int plane = 0; plane < 3; ++plane)
        std::fill_n(picture->data[plane], picture->linesize[plane] * kHeight / (plane > 0 ? 2 : 1),
                    static_cast<uint8_t>(plane == 0 ? brightness_of(number) : 128));
      picture->pts = number;
    }
    ASSERT_GE(avcodec_send_frame(encoder.get(), number < kPictures ? picture.get() : nullptr), 0);
    while (avcodec_receive_packet(encoder.get(), packet.get()) >= 0) {
      b_frames += packet->pts < latest ? 1 : 0;
      latest = std::max(latest, packet->pts);
      send_picture(*packet);
      av_packet_unref(packet.get());
    }
  }
  EXPECT_GT(b_frames, kPictures / 3);
  recording.finish(now);
  write();
  const auto done = finish(folder.path(), "id");
  ASSERT_TRUE(done);
  EXPECT_NEAR(done->duration.as_seconds(), kPictures / 30.0, 0.05);
  // For a look in other players.
  if (const char* keep = std::getenv("LOOPCAST_KEEP_B_FRAMES"))
    std::filesystem::copy_file(done->path, keep, std::filesystem::copy_options::overwrite_existing);

  const auto media = open_media(done->path);
  ASSERT_TRUE(media);
  const AVStream& stream = *media->streams[0];
  EXPECT_NEAR(static_cast<double>(stream.start_time) * av_q2d(stream.time_base), 0, 1e-6);
  const AVCodec* codec = avcodec_find_decoder(AV_CODEC_ID_H264);
  const AvPtr<AVCodecContext> decoder(avcodec_alloc_context3(codec));
  ASSERT_GE(avcodec_parameters_to_context(decoder.get(), stream.codecpar), 0);
  ASSERT_GE(avcodec_open2(decoder.get(), codec, nullptr), 0);
  int shown = 0;
  int64_t decoded = INT64_MIN;
  const auto take = [&] {
    while (avcodec_receive_frame(decoder.get(), picture.get()) >= 0) {
      const double time = static_cast<double>(picture->pts) * av_q2d(stream.time_base);
      EXPECT_NEAR(time, shown / 30.0, 0.001) << shown;
      EXPECT_NEAR(picture->data[0][picture->linesize[0] * 100 + 100], brightness_of(shown), 3);
      ++shown;
    }
  };
  while (av_read_frame(media.get(), packet.get()) >= 0) {
    EXPECT_GT(packet->dts, decoded);
    EXPECT_LE(packet->dts, packet->pts);
    decoded = packet->dts;
    ASSERT_GE(avcodec_send_packet(decoder.get(), packet.get()), 0);
    take();
    av_packet_unref(packet.get());
  }
  avcodec_send_packet(decoder.get(), nullptr);
  take();
  EXPECT_EQ(shown, kPictures);
}

}  // namespace
}  // namespace loopcast::record
