#include "rtc/srtp.h"

#include <algorithm>
#include <new>
#include <optional>

#include "rtc/srtp_cipher.h"

namespace loopcast::rtc {
namespace {

constexpr size_t kRtpHeaderSize = 12;      // RFC 3550 §5.1, without CSRCs
constexpr size_t kRtcpHeaderSize = 8;      // up to the sender's SSRC: what SRTCP leaves in clear
constexpr size_t kIndexSize = 4;           // E flag and SRTCP index
constexpr size_t kMaxPacketSize = 65535;   // of a UDP datagram; also bounds the ciphers' int sizes
constexpr uint32_t kEncrypted = 1u << 31;  // E flag
constexpr uint64_t kIndexes = 1ull << 48;  // of RTP: the lifetime of a key, RFC 3711 §9.2
constexpr uint32_t kRtcpIndexes = 1u << 31;

size_t tag_size(SrtpProfile profile) {
  return profile == SrtpProfile::kAeadAes128Gcm ? kGcmTagSize : kSha1TagSize;
}

std::array<uint64_t, 2> salt_words(const SrtpSessionKey& key) {
  return {load_u64(key.salt.data()), load_u64(key.salt.data() + 8)};
}

// RFC 7714 §8.1 and §9.1: 00 00, SSRC, 48-bit index; RFC 3711 §4.1.1: SSRC * 2^64 XOR index * 2^16;
// both XOR the salt. The SRTCP index takes the place of the low bits of the 48.
inline SrtpIv make_iv(SrtpProfile profile, const std::array<uint64_t, 2>& salt, uint32_t ssrc,
                      uint64_t index) {
  SrtpIv iv;
  if (profile == SrtpProfile::kAeadAes128Gcm) {
    store_u64(iv.bytes, ((uint64_t{ssrc} << 16) | (index >> 32)) ^ salt[0]);
    store_u64(iv.bytes + 8, (index << 32) ^ salt[1]);
  } else {
    store_u64(iv.bytes, ssrc ^ salt[0]);
    store_u64(iv.bytes + 8, (index << 16) ^ salt[1]);
  }
  return iv;
}

// What is authenticated beside the RTP payload after its header: nothing with GCM, as its vector
// contains the whole index; the ROC with HMAC-SHA1 (RFC 3711 §4.2).
class RtpTrailer {
 public:
  RtpTrailer(SrtpProfile profile, uint64_t index)
      : size_(profile == SrtpProfile::kAeadAes128Gcm ? 0 : sizeof roc_) {
    store_u32(roc_, static_cast<uint32_t>(index >> 16));
  }
  Bytes bytes() const { return {roc_, size_}; }

 private:
  uint8_t roc_[4];
  size_t size_;
};

// The same for RTCP. The ciphers take GCM's additional data in one piece, RFC 7714 §9.2 has it in
// two.
class RtcpParts {
 public:
  RtcpParts(SrtpProfile profile, const uint8_t* packet, uint32_t index_word)
      : gcm_(profile == SrtpProfile::kAeadAes128Gcm) {
    std::copy_n(packet, kRtcpHeaderSize, bytes_);
    store_u32(bytes_ + kRtcpHeaderSize, index_word);
  }
  Bytes header() const { return {bytes_, gcm_ ? sizeof bytes_ : kRtcpHeaderSize}; }
  Bytes trailer() const { return {bytes_ + kRtcpHeaderSize, gcm_ ? 0 : kIndexSize}; }
  Bytes index_word() const { return {bytes_ + kRtcpHeaderSize, kIndexSize}; }

 private:
  bool gcm_;
  uint8_t bytes_[kRtcpHeaderSize + kIndexSize];
};

// Where the tag and the index word stand behind an SRTCP ciphertext that ends at `end`: GCM has the
// tag first (RFC 7714 §9.2), HMAC-SHA1 the index (RFC 3711 §3.4).
size_t rtcp_tag_at(SrtpProfile profile, size_t end) {
  return profile == SrtpProfile::kAeadAes128Gcm ? end : end + kIndexSize;
}
size_t rtcp_index_at(SrtpProfile profile, size_t end) {
  return profile == SrtpProfile::kAeadAes128Gcm ? end + kGcmTagSize : end;
}

std::unique_ptr<SrtpCipher> make_keyed(SrtpCrypto& crypto, SrtpProfile profile,
                                       SrtpDirection direction, const SrtpSessionKey& key) {
  auto cipher = crypto.make_cipher(profile, direction);
  if (!cipher->set_key(key)) throw std::bad_alloc();  // nothing else can fail
  return cipher;
}

// The size of an RTP header with CSRCs and extension (RFC 3550 §5.1, §5.3.1); 0 if it is not one or
// does not fit into `packet`.
size_t rtp_header_size(Bytes packet) {
  if (packet.size() < kRtpHeaderSize || packet[0] >> 6 != 2) return 0;
  size_t size = kRtpHeaderSize + 4 * size_t{packet[0] & 0x0fu};
  if ((packet[0] & 0x10) != 0) {
    if (packet.size() < size + 4) return 0;
    size += 4 + 4 * size_t{load_u16(&packet[size + 2])};
  }
  return size <= packet.size() ? size : 0;
}

// RFC 3711 §3.3.1 and appendix A: the index of `seq` that is nearest to the highest one received.
// Of two equally near, half the number space away, the older. nullopt if outside [0, 2^48).
std::optional<uint64_t> guess_index(uint64_t highest, uint16_t seq) {
  const auto distance = static_cast<int16_t>(seq - static_cast<uint16_t>(highest));
  const int64_t index = static_cast<int64_t>(highest) + distance;
  if (index < 0 || index >= static_cast<int64_t>(kIndexes)) return std::nullopt;
  return static_cast<uint64_t>(index);
}

template <typename Window>
std::optional<SrtpError> replay_error(const Window& window, uint64_t index) {
  switch (window.check(index)) {
    case Window::Verdict::kTooOld:
      return SrtpError::kTooOld;
    case Window::Verdict::kReplayed:
      return SrtpError::kReplayed;
    case Window::Verdict::kNew:
      break;
  }
  return std::nullopt;
}

template <typename Source>
Source* find(std::vector<Source>& sources, uint32_t ssrc) {
  const auto it = std::ranges::find(sources, Ssrc{ssrc}, &Source::ssrc);
  return it == sources.end() ? nullptr : &*it;
}

// Whose place a new source may take: that of the one that was given up first. nullptr if none was.
template <typename Source>
Source* given_up_first(std::vector<Source>& sources) {
  Source* first = nullptr;
  for (Source& source : sources)
    if (source.given_up != 0 && (!first || source.given_up < first->given_up)) first = &source;
  return first;
}

}  // namespace

SrtpSender::SrtpSender(SrtpCrypto& crypto, SrtpProfile profile, const SrtpMasterKey& master)
    : SrtpSender(crypto, profile, derive_session_key(profile, SrtpStream::kRtp, master),
                 derive_session_key(profile, SrtpStream::kRtcp, master)) {}

SrtpSender::SrtpSender(SrtpCrypto& crypto, SrtpProfile profile, const SrtpSessionKey& rtp,
                       const SrtpSessionKey& rtcp, uint32_t first_rtcp_index)
    : crypto_(&crypto),
      rtp_(make_keyed(crypto, profile, SrtpDirection::kSeal, rtp)),
      profile_(profile),
      next_rtcp_index_(first_rtcp_index),
      rtp_salt_(salt_words(rtp)),
      rtcp_key_(rtcp) {}

SrtpSender::SrtpSender(SrtpSender&&) noexcept = default;
SrtpSender& SrtpSender::operator=(SrtpSender&&) noexcept = default;
SrtpSender::~SrtpSender() = default;

size_t SrtpSender::overhead() const { return tag_size(profile_); }

size_t SrtpSender::protect_rtp(MutableBytes out, size_t header_size, Bytes payload,
                               uint64_t packet_index) {
  const size_t room = std::min(out.size(), kMaxPacketSize);
  const size_t fixed = header_size + overhead();
  if (header_size < kRtpHeaderSize || header_size > room || fixed > room ||
      payload.size() > room - fixed || packet_index >= kIndexes ||
      load_u16(&out[2]) != static_cast<uint16_t>(packet_index))
    return 0;

  const SrtpIv iv = make_iv(profile_, rtp_salt_, load_u32(&out[8]), packet_index);
  uint8_t* const body = out.data() + header_size;
  const bool sealed = rtp_->seal(iv, out.first(header_size), payload, body,
                                 RtpTrailer(profile_, packet_index).bytes(), body + payload.size());
  return sealed ? fixed + payload.size() : 0;
}

bool SrtpSender::protect_rtp(std::span<const RtpToProtect> packets, Ssrc ssrc) {
  static_assert(kMaxRun == kMaxSealJobs);
  std::array<SealJob, kMaxSealJobs> jobs;
  if (packets.size() > jobs.size()) return false;
  for (size_t i = 0; i < packets.size(); ++i) {
    const RtpToProtect& packet = packets[i];
    if (packet.index >= kIndexes) return false;
    SealJob& job = jobs[i];
    job.iv = make_iv(profile_, rtp_salt_, ssrc.value, packet.index);
    job.packet = packet.packet;
    job.header_size = packet.header_size;
    job.plain = packet.payload;
    store_u32(job.roc.data(), static_cast<uint32_t>(packet.index >> 16));
    job.has_trailer = profile_ != SrtpProfile::kAeadAes128Gcm;
  }
  return rtp_->seal_all({jobs.data(), packets.size()});
}

void SrtpSender::prefetch(bool small) const {
  // With GCM: round keys, and 48 powers of the GHASH key, of which a small packet takes the lowest,
  // which are the last.
  constexpr size_t kSize = 1088, kKeys = 256, kLowest = 256;
  const auto* at = reinterpret_cast<const char*>(rtp_.get());
  const size_t powers = small ? kSize - kLowest : kKeys;
  loopcast::prefetch(at, kKeys);
  loopcast::prefetch(at + powers, kSize - powers);
}

size_t SrtpSender::protect_rtcp(MutableBytes packet, size_t size) {
  const size_t room = std::min(packet.size(), kMaxPacketSize);
  if (size < kRtcpHeaderSize || size > room || rtcp_overhead() > room - size ||
      next_rtcp_index_ >= kRtcpIndexes)
    return 0;
  SrtpCipher* const cipher = crypto_->keyed(profile_, SrtpDirection::kSeal, rtcp_key_);
  if (!cipher) return 0;

  const uint32_t index = next_rtcp_index_++;
  const SrtpIv iv = make_iv(profile_, salt_words(rtcp_key_), load_u32(&packet[4]), index);
  const RtcpParts parts(profile_, packet.data(), kEncrypted | index);
  const MutableBytes body = packet.subspan(kRtcpHeaderSize, size - kRtcpHeaderSize);
  std::ranges::copy(parts.index_word(), &packet[rtcp_index_at(profile_, size)]);
  const bool sealed = cipher->seal(iv, parts.header(), body, body.data(), parts.trailer(),
                                   &packet[rtcp_tag_at(profile_, size)]);
  return sealed ? size + rtcp_overhead() : 0;
}

SrtpReceiver::SrtpReceiver(SrtpCrypto& crypto, SrtpProfile profile, const SrtpMasterKey& master)
    : SrtpReceiver(crypto, profile, derive_session_key(profile, SrtpStream::kRtp, master),
                   derive_session_key(profile, SrtpStream::kRtcp, master)) {}

SrtpReceiver::SrtpReceiver(SrtpCrypto& crypto, SrtpProfile profile, const SrtpSessionKey& rtp,
                           const SrtpSessionKey& rtcp)
    : crypto_(&crypto), profile_(profile), rtp_key_(rtp), rtcp_key_(rtcp) {}

SrtpReceiver::SrtpReceiver(SrtpReceiver&&) noexcept = default;
SrtpReceiver& SrtpReceiver::operator=(SrtpReceiver&&) noexcept = default;
SrtpReceiver::~SrtpReceiver() = default;

template <typename Source>
std::optional<SrtpError> SrtpReceiver::refusal(const std::vector<Source>& sources,
                                               Ssrc ssrc) const {
  if (std::ranges::find(forgotten_, ssrc) != forgotten_.end()) return SrtpError::kReplayed;
  if (sources.size() < kMaxSources) return std::nullopt;
  const bool room = forgotten_.size() < kMaxForgotten &&
                    std::ranges::any_of(sources, [](const Source& s) { return s.given_up != 0; });
  if (!room) return SrtpError::kTooManySources;
  return std::nullopt;
}

template <typename Source>
void SrtpReceiver::remember(std::vector<Source>& sources, Source* source, Ssrc ssrc,
                            uint64_t index) {
  if (!source && sources.size() >= kMaxSources) {
    source = given_up_first(sources);
    if (std::ranges::find(forgotten_, source->ssrc) == forgotten_.end())
      forgotten_.push_back(source->ssrc);
    *source = {ssrc};
  }
  if (!source) source = &sources.emplace_back(Source{ssrc});
  // The last reports of a source may come after it was given up.
  if (!source->window.started() && gave_up(ssrc)) source->given_up = given_up_;
  source->window.add(index);
}

Expected<size_t, SrtpError> SrtpReceiver::unprotect_rtp(MutableBytes packet) {
  const size_t tag = tag_size(profile_);
  if (packet.size() < kRtpHeaderSize + tag || packet.size() > kMaxPacketSize)
    return SrtpError::kMalformed;
  const size_t size = packet.size() - tag;
  const size_t header_size = rtp_header_size(packet.first(size));
  if (header_size == 0) return SrtpError::kMalformed;

  const uint16_t seq = load_u16(&packet[2]);
  const uint32_t ssrc = load_u32(&packet[8]);
  RtpSource* const source = find(rtp_sources_, ssrc);
  if (!source)
    if (const auto error = refusal(rtp_sources_, Ssrc{ssrc})) return *error;
  // A new source starts at ROC 0.
  const auto index = source ? guess_index(source->window.highest(), seq) : uint64_t{seq};
  if (!index) return SrtpError::kTooOld;
  if (source)
    if (const auto error = replay_error(source->window, *index)) return *error;

  if (!rtp_) rtp_ = make_keyed(*crypto_, profile_, SrtpDirection::kOpen, rtp_key_);
  const SrtpIv iv = make_iv(profile_, salt_words(rtp_key_), ssrc, *index);
  if (!rtp_->open(iv, packet.first(header_size), packet.subspan(header_size, size - header_size),
                  RtpTrailer(profile_, *index).bytes(), &packet[size]))
    return SrtpError::kAuthentication;
  remember(rtp_sources_, source, Ssrc{ssrc}, *index);
  return size;
}

Expected<size_t, SrtpError> SrtpReceiver::unprotect_rtcp(MutableBytes packet) {
  const size_t overhead = tag_size(profile_) + kIndexSize;
  if (packet.size() < kRtcpHeaderSize + overhead || packet.size() > kMaxPacketSize ||
      packet[0] >> 6 != 2)
    return SrtpError::kMalformed;
  const size_t size = packet.size() - overhead;
  const uint32_t word = load_u32(&packet[rtcp_index_at(profile_, size)]);
  // Both DTLS-SRTP profiles encrypt SRTCP (RFC 5764 §4.1.2): plain packets are not accepted.
  if ((word & kEncrypted) == 0) return SrtpError::kMalformed;

  const uint32_t index = word & ~kEncrypted;
  const uint32_t ssrc = load_u32(&packet[4]);
  RtcpSource* const source = find(rtcp_sources_, ssrc);
  if (!source)
    if (const auto error = refusal(rtcp_sources_, Ssrc{ssrc})) return *error;
  if (source)
    if (const auto error = replay_error(source->window, index)) return *error;

  SrtpCipher* const cipher = crypto_->keyed(profile_, SrtpDirection::kOpen, rtcp_key_);
  const SrtpIv iv = make_iv(profile_, salt_words(rtcp_key_), ssrc, index);
  const RtcpParts parts(profile_, packet.data(), word);
  if (!cipher ||
      !cipher->open(iv, parts.header(), packet.subspan(kRtcpHeaderSize, size - kRtcpHeaderSize),
                    parts.trailer(), &packet[rtcp_tag_at(profile_, size)]))
    return SrtpError::kAuthentication;
  remember(rtcp_sources_, source, Ssrc{ssrc}, index);
  return size;
}

void SrtpReceiver::give_up_source(Ssrc ssrc) {
  ++given_up_;
  if (RtpSource* source = find(rtp_sources_, ssrc.value)) source->given_up = given_up_;
  if (RtcpSource* source = find(rtcp_sources_, ssrc.value)) source->given_up = given_up_;
}

bool SrtpReceiver::gave_up(Ssrc ssrc) const {
  const auto source = std::ranges::find(rtp_sources_, ssrc, &RtpSource::ssrc);
  return source != rtp_sources_.end() && source->given_up != 0;
}

void SrtpReceiver::resume_source(Ssrc ssrc) {
  if (RtpSource* source = find(rtp_sources_, ssrc.value)) source->given_up = 0;
  if (RtcpSource* source = find(rtcp_sources_, ssrc.value)) source->given_up = 0;
}

}  // namespace loopcast::rtc
