// A presenter who has signed in and means harm, recorded: packets after decryption, in any order,
// with any timestamps, payloads and reports. The first byte chooses the codec; then come records: a
// kind, a size, and so many bytes. What is written is read back as after a crash.
#include <algorithm>
#include <cstdlib>

#include "record/mp4.h"
#include "record/recording.h"
#include "record/webm.h"

using namespace loopcast;

namespace {

enum Kind : uint8_t { kSound, kPicture, kReport, kTime, kAgain, kKinds };

void require(bool holds) {
  if (!holds) std::abort();
}

// Boxes follow each other without a gap, and are what they were meant to be.
void check_mp4(Bytes bytes) {
  while (!bytes.empty()) {
    require(bytes.size() >= 8);
    const uint32_t size = load_u32(bytes.data());
    require(size >= 8 && size <= bytes.size());
    const std::string_view type = as_text(bytes.subspan(4, 4));
    const Bytes box = bytes.first(size);
    if (type == "moov") require(record::parse_mp4_tracks(box).has_value());
    if (type == "moof") require(record::parse_mp4_fragment(box).has_value());
    bytes = bytes.subspan(size);
  }
}

void check_webm(Bytes bytes) {
  while (!bytes.empty()) {
    const auto header = record::parse_ebml_header(bytes);
    require(header && header->size <= bytes.size() - header->header_size);
    const Bytes contents = bytes.subspan(header->header_size, header->size);
    if (header->id == record::webm_id::kTracks)
      require(record::parse_webm_tracks(contents).has_value());
    bytes = bytes.subspan(header->header_size + header->size);
  }
}

class Room {
 public:
  explicit Room(uint8_t choice) {
    constexpr std::array kCodecs{wire::Codec::kVp8, wire::Codec::kH264, wire::Codec::kVp9,
                                 wire::Codec::kAv1};
    codec_ = kCodecs[choice & 3];
    begin();
  }

  void take(Kind kind, Bytes record) {
    ByteReader r(record);
    sfu::PacketBatch batch;
    batch.at = now_;
    switch (kind) {
      case kSound:
      case kPicture: {
        const uint32_t stream = kind == kSound ? 0 : 1;
        sfu::CachedPacket meta;
        const uint8_t flags = r.u8();
        next_[stream] += (flags & 0x0F) - 2;
        meta.index = next_[stream];
        meta.timestamp = r.u32();
        meta.marker = (flags & 0x80) != 0;
        meta.arrival = now_;
        meta.payload_size = static_cast<uint16_t>(r.remaining());
        const Bytes payload = r.rest();
        batch.bytes.assign(payload.begin(), payload.end());
        batch.packets.push_back({stream, 0, meta});
        break;
      }
      case kReport:
        batch.clocks.push_back({r.u8() % 3u, rtc::ClockMark{r.u64(), r.u32(), now_}});
        break;
      case kTime:
        now_ = now_ + Duration::millis(r.u16());
        recording_.handle_timeout(now_);
        break;
      case kAgain:
        begin();
        break;
      case kKinds:
        break;
    }
    recording_.take(now_, batch);
    check();
  }

  void finish() {
    recording_.finish(now_);
    check();
  }

 private:
  void begin() {
    sfu::PacketBatch first;
    first.at = now_;
    first.streams = {{rtc::MediaKind::kAudio, wire::Codec::kOpus, 48'000, {}},
                     {rtc::MediaKind::kVideo, codec_, 90'000, {}}};
    recording_.take(now_, first);
    ++sources_;
  }
  void check() {
    const auto output = recording_.take_output();
    // Whatever comes, silence is bounded by the time that passes, some seconds for each source, and
    // the half second that each packet may be ahead of the one before it.
    require(counters_.silences <=
            static_cast<uint64_t>(now_.us() / 20'000) + sources_ * 1000 + counters_.packets * 26);
    check_format(output.fragments);
    for (const record::Patch& patch : output.patches) {
      require(patch.offset + patch.bytes.size() <= written_.size());
      std::ranges::copy(patch.bytes, written_.begin() + static_cast<ptrdiff_t>(patch.offset));
    }
    // What is written anew is what it was, but for its times.
    if (!output.patches.empty()) check_format(written_);
    written_.insert(written_.end(), output.fragments.begin(), output.fragments.end());
  }
  void check_format(Bytes bytes) const {
    if (*recording_.format() == record::Format::kMp4)
      check_mp4(bytes);
    else
      check_webm(bytes);
  }

  wire::Codec codec_;
  Instant now_ = Instant::from_us(5'000'000);
  int64_t next_[2] = {100, 100};
  uint64_t sources_ = 0;
  std::vector<uint8_t> written_;
  record::RecordingCounters counters_;
  record::Recording recording_{counters_};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Room room(data[0]);
  ByteReader r({data + 1, size - 1});
  while (r.remaining() >= 3) {
    const auto kind = static_cast<Kind>(r.u8() % kKinds);
    const size_t length = r.u16() % 1400;
    room.take(kind, r.bytes(std::min(length, r.remaining())));
  }
  room.finish();
  return 0;
}
