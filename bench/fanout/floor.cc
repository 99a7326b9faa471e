// The floor: for each frame and viewer a header of twelve bytes, one call into the cryptographic
// library for each packet, and one segmented send. No lookup, no decision, no state but the key.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "../presenter.h"
#include "fanout.h"
#include "net/clock.h"
#include "net/sockaddr.h"
#include "rtc/srtp.h"
#ifdef LOOPCAST_HAS_IPSEC_MB
#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>
#endif

namespace loopcast::bench {
namespace {

constexpr size_t kHeaderSize = 12;
constexpr size_t kTagSize = 16;
constexpr size_t kMessages = 64;
constexpr size_t kMaxRun = 65000;

// Frames as a presenter's browser makes them, the payloads padded to equal sizes.
class Frames final : public sim::PacketOut {
 public:
  struct Packet {
    wire::RtpHeader header;
    int64_t index;
    std::vector<uint8_t> payload;
  };

  explicit Frames(const Options& options)
      : sender_(agreed(), {}, presenter(options.bitrate, options.whole_frames), {}) {}

  sim::MediaSender& sender() { return sender_; }
  std::vector<Packet> take() { return std::exchange(packets_, {}); }

  void send_rtp(const wire::RtpHeader& header, int64_t index, std::span<const wire::RtpExtension>,
                Bytes payload) override {
    packets_.push_back({header, index, {payload.begin(), payload.end()}});
  }
  void send_raw_rtp(Bytes, size_t, int64_t) override {}
  void send_rtcp(Bytes) override {}

 private:
  static sim::Agreed agreed() {
    sim::Agreed agreed;
    for (const auto kind : {rtc::MediaKind::kAudio, rtc::MediaKind::kVideo}) {
      sim::AgreedMedia media;
      media.kind = kind;
      media.codec = kind == rtc::MediaKind::kVideo ? wire::Codec::kH264 : wire::Codec::kOpus;
      media.send = true;
      agreed.media.push_back(media);
    }
    return agreed;
  }
  sim::MediaSender sender_;
  std::vector<Packet> packets_;
};

#ifdef LOOPCAST_HAS_IPSEC_MB

class Cipher {
 public:
  Cipher() { init_mb_mgr_auto(manager_, nullptr); }
  ~Cipher() { free_mb_mgr(manager_); }
  Cipher(const Cipher&) = delete;

  struct Key {
    gcm_key_data data;
  };
  void expand(const uint8_t* key, Key& out) { IMB_AES128_GCM_PRE(manager_, key, &out.data); }
  void protect(const Key& key, uint8_t* packet, Bytes payload, const uint8_t* iv) {
    IMB_AES128_GCM_ENC(manager_, &key.data, &context_, packet + kHeaderSize, payload.data(),
                       payload.size(), iv, packet, kHeaderSize,
                       packet + kHeaderSize + payload.size(), kTagSize);
  }

 private:
  IMB_MGR* manager_ = alloc_mb_mgr(0);
  gcm_context_data context_;
};

#else
#error "The floor needs ipsec-mb"
#endif

struct Viewer {
  net::Sockaddr address;
  socklen_t address_size;
  Cipher::Key key;
};

class Floor {
 public:
  explicit Floor(const Options& options)
      : options_(options), viewers_(options.viewers), buffer_(1 << 20) {
    for (size_t i = 0; i < viewers_.size(); ++i) {
      uint8_t key[16] = {static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8)};
      cipher_.expand(key, viewers_[i].key);
      if (options.to)
        viewers_[i].address_size = net::to_sockaddr(
            {*options.to, static_cast<uint16_t>(options.first_port + i)}, viewers_[i].address);
    }
    if (options.to) {
      fd_ = ::socket(options.to->is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0);
      const int size = 8 << 20;
      if (::setsockopt(fd_, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
        ::setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    for (size_t i = 0; i < kMessages; ++i) {
      headers_[i].msg_hdr.msg_iov = &vectors_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
      auto* control = reinterpret_cast<cmsghdr*>(controls_[i]);
      control->cmsg_level = SOL_UDP;
      control->cmsg_type = UDP_SEGMENT;
      control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    }
  }

  void send(const std::vector<Frames::Packet>& frame) {
    begun_ = net::now();
    for (Viewer& viewer : viewers_) {
      uint8_t* run = nullptr;
      size_t segment = 0, size = 0, packets = 0;
      const auto end_run = [&] {
        if (size > 0) add(viewer, run, size, segment, packets);
        size = packets = 0;
      };
      for (const Frames::Packet& packet : frame) {
        const size_t length = kHeaderSize + packet.payload.size() + kTagSize;
        if (used_ + length > buffer_.size()) end_run(), flush();
        if (size > 0 && (length > segment || size % segment != 0 || size + length > kMaxRun ||
                         !options_.segmentation))
          end_run();
        uint8_t* out = buffer_.data() + used_;
        if (size == 0) run = out, segment = length;
        out[0] = 0x80;
        out[1] = packet.header.payload_type;
        store_u16(out + 2, static_cast<uint16_t>(packet.index));
        store_u32(out + 4, packet.header.timestamp);
        store_u32(out + 8, packet.header.ssrc.value);
        uint8_t iv[12] = {};
        store_u32(iv + 8, static_cast<uint32_t>(packet.index));
        cipher_.protect(viewer.key, out, packet.payload, iv);
        used_ += length, size += length, ++packets;
      }
      end_run();
    }
    flush();
  }

  // How long 99 of 100 packets took at most.
  Duration latency() {
    std::sort(sent_.begin(), sent_.end());
    uint64_t left = cost.packets - cost.packets / 100;
    for (const auto& [took, packets] : sent_) {
      if (packets >= left) return took;
      left -= packets;
    }
    return {};
  }

  Cost cost;

 private:
  void add(Viewer& viewer, uint8_t* data, size_t size, size_t segment, size_t packets) {
    const size_t i = count_++;
    vectors_[i] = {data, size};
    msghdr& header = headers_[i].msg_hdr;
    header.msg_name = &viewer.address;
    header.msg_namelen = viewer.address_size;
    header.msg_control = size > segment ? controls_[i] : nullptr;
    header.msg_controllen = size > segment ? sizeof controls_[i] : 0;
    const auto value = static_cast<uint16_t>(segment);
    std::memcpy(controls_[i] + CMSG_LEN(0), &value, sizeof value);
    cost.packets += packets;
    waiting_ += packets;
    ++cost.sends;
    if (count_ == kMessages) flush_messages();
  }
  void flush_messages() {
    for (size_t at = 0; fd_ >= 0 && at < count_;) {
      const int n = ::sendmmsg(fd_, headers_ + at, static_cast<unsigned>(count_ - at), 0);
      if (n <= 0) ++cost.unsent, ++at;
      if (n > 0) at += static_cast<size_t>(n);
    }
    count_ = 0;
    sent_.push_back({net::now() - begun_, std::exchange(waiting_, 0)});
  }
  void flush() {
    flush_messages();
    used_ = 0;
  }

  const Options& options_;
  Cipher cipher_;
  std::vector<Viewer> viewers_;
  std::vector<uint8_t> buffer_;
  size_t used_ = 0;
  int fd_ = -1;
  mmsghdr headers_[kMessages] = {};
  iovec vectors_[kMessages];
  alignas(cmsghdr) uint8_t controls_[kMessages][CMSG_SPACE(sizeof(uint16_t))] = {};
  size_t count_ = 0;
  Instant begun_;         // the frame
  uint64_t waiting_ = 0;  // packets of messages that are not sent yet
  std::vector<std::pair<Duration, uint64_t>>
      sent_;  // packets, and how long after their frame began
};

// The largest size of the frame for all its packets.
void pad(std::vector<Frames::Packet>& frame) {
  size_t largest = 0;
  for (const auto& packet : frame) largest = std::max(largest, packet.payload.size());
  for (auto& packet : frame)
    if (packet.payload.size() + 1 == largest) packet.payload.resize(largest);
}

}  // namespace

Cost measure_floor(const Options& options) {
  Frames frames(options);
  Floor floor(options);
  Stopwatch watch;
  Pace pace(options.paced);
  Instant now = Instant::from_us(1'000'000);
  const Instant end = now + options.duration;
  frames.sender().start(now);
  for (; now < end; now = frames.sender().next_timeout()) {
    pace.wait_for(now);
    frames.sender().handle_timeout(now, frames);
    auto frame = frames.take();
    pad(frame);
    watch.start();
    floor.send(frame);
    watch.stop();
  }
  floor.cost.cpu = watch.total();
  if (options.to) floor.cost.latency = floor.latency();
  return floor.cost;
}

}  // namespace loopcast::bench
