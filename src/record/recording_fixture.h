// For tests of whole recordings in virtual time: a recording, its file, and what libavformat reads
// back from it.
#pragma once

#include <filesystem>

#include <gtest/gtest.h>

#include "record/av.h"
#include "record/finish.h"
#include "record/measure.h"
#include "record/record_testing.h"
#include "record/recording.h"
#include "record/recording_file.h"

namespace loopcast::record {

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "loopcast-record-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct Unit {
  double time = 0;  // in the file, seconds
  uint32_t number = 0;
  bool key = false;
};
struct Contents {
  std::vector<Unit> pictures;
  std::vector<Unit> sound;
  size_t silences = 0;
  double duration = 0;
};

// The number behind a mark in a packet.
inline std::optional<uint32_t> number_after(Bytes bytes, std::string_view mark) {
  const auto at = as_text(bytes).find(mark);
  if (at == std::string_view::npos || at + 8 > bytes.size()) return std::nullopt;
  return load_u32(&bytes[at + 4]);
}

inline Contents read_back(const std::string& path) {
  Contents contents;
  const auto media = open_media(path);
  if (!media) return contents;
  contents.duration = static_cast<double>(media->duration) / AV_TIME_BASE;
  const AvPtr<AVPacket> packet(av_packet_alloc());
  while (av_read_frame(media.get(), packet.get()) >= 0) {
    const AVStream& stream = *media->streams[packet->stream_index];
    const double time = static_cast<double>(packet->pts) * av_q2d(stream.time_base);
    const Bytes bytes(packet->data, static_cast<size_t>(packet->size));
    const bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
    if (stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
      contents.pictures.push_back({time, number_after(bytes, "PICT").value_or(~0u), key});
    else if (const auto number = number_after(bytes, "SOUN"))
      contents.sound.push_back({time, *number, true});
    else
      ++contents.silences;
    av_packet_unref(packet.get());
  }
  return contents;
}

class RecordingTest : public ::testing::Test {
 protected:
  void feed(const sfu::PacketBatch& batch) {
    now = std::max(now, batch.at);
    recording.take(now, batch);
    write();
  }
  void advance(Instant to) {
    while (recording.next_timeout() <= to) {
      now = std::max(now, recording.next_timeout());
      recording.handle_timeout(now);
      write();
    }
    now = std::max(now, to);
  }
  void write() { EXPECT_TRUE(write_output(now, recording, file)); }
  void run(SyntheticPresenter& presenter, int ticks, sfu::MediaId publisher = 1) {
    for (int i = 0; i < ticks; ++i) {
      const auto batch = presenter.next(publisher);
      advance(batch.at);
      feed(batch);
    }
  }
  Contents finished() {
    recording.finish(now);
    write();
    const auto done = finish(folder.path(), "id");
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
    if (!done) return {};
    facts = *done;
    const auto measured = measure(done->path, done->format);
    EXPECT_TRUE(measured);
    if (measured) {
      EXPECT_NEAR(measured->duration.as_seconds(), facts.duration.as_seconds(), 0.05);
      EXPECT_EQ(measured->sound, facts.sound);
      EXPECT_EQ(measured->video, facts.video);
      EXPECT_EQ(measured->bytes, facts.bytes);
    }
    return read_back(done->path);
  }

  Folder folder;
  RecordingCounters counters;
  Recording recording{counters};
  RecordingFile file{folder.path(), "id"};
  Instant now = Instant::from_us(9'000'000);
  Finished facts;
};

}  // namespace loopcast::record
