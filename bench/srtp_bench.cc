// What protecting one packet costs, beside the bare call into the library that does the work. The
// header is 12 bytes and an extension of two words, as a forwarded video packet has.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include "rtc/srtp.h"
#ifdef LOOPCAST_HAS_IPSEC_MB
#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>
#endif

namespace loopcast::rtc {
namespace {

constexpr size_t kHeaderSize = 24;
constexpr size_t kPayloadSize = 1150;
constexpr size_t kPacketSize = kHeaderSize + kPayloadSize + 20;

SrtpMasterKey master_key(size_t seed = 0) {
  SrtpMasterKey master;
  for (size_t i = 0; i < master.key.size(); ++i) master.key[i] = static_cast<uint8_t>(seed + i);
  master.salt[1] = static_cast<uint8_t>(seed >> 8);
  return master;
}

std::vector<uint8_t> packet_buffer() {
  std::vector<uint8_t> out(kPacketSize);
  out[0] = 0x90;
  store_u32(&out[8], 0x12345678);
  store_u16(&out[14], 2);
  return out;
}

std::unique_ptr<SrtpCrypto> crypto_or_skip(benchmark::State& state, SrtpBackend backend) {
  auto crypto = SrtpCrypto::make(backend);
  if (crypto)
    state.SetLabel(crypto->name());
  else
    state.SkipWithError("not available on this processor");
  return crypto;
}

// One viewer: everything stays in the first-level cache, as for the bare calls below.
void protect(benchmark::State& state, SrtpBackend backend, SrtpProfile profile) {
  const auto crypto = crypto_or_skip(state, backend);
  if (!crypto) return;
  SrtpSender sender(*crypto, profile, master_key());
  std::vector<uint8_t> out = packet_buffer();
  const std::vector<uint8_t> payload(kPayloadSize, 0x5a);
  uint64_t index = 0;
  for (auto _ : state) {
    store_u16(&out[2], static_cast<uint16_t>(++index));
    benchmark::DoNotOptimize(sender.protect_rtp(out, kHeaderSize, payload, index));
  }
  state.SetItemsProcessed(state.iterations());
}

// As a room does it: nine packets of a frame to each of 1000 viewers in turn.
void fan_out(benchmark::State& state, SrtpBackend backend, SrtpProfile profile) {
  const auto crypto = crypto_or_skip(state, backend);
  if (!crypto) return;
  constexpr size_t kViewers = 1000;
  constexpr size_t kPackets = 9;
  std::vector<SrtpSender> senders;
  for (size_t i = 0; i < kViewers; ++i) senders.emplace_back(*crypto, profile, master_key(i));
  std::vector<uint8_t> out = packet_buffer();
  const std::vector<std::vector<uint8_t>> payloads(kPackets,
                                                   std::vector<uint8_t>(kPayloadSize, 0x5a));
  uint64_t index = 0;
  for (auto _ : state) {
    for (SrtpSender& sender : senders)
      for (size_t i = 0; i < kPackets; ++i) {
        store_u16(&out[2], static_cast<uint16_t>(index + i));
        benchmark::DoNotOptimize(sender.protect_rtp(out, kHeaderSize, payloads[i], index + i));
      }
    index += kPackets;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kViewers * kPackets));
}

// `Packets` packets of one size to each of 64 viewers, in one buffer as they are sent: the viewers
// one by one, or all in a burst.
template <size_t Packets, size_t Payload, bool Burst>
void frames_cm(benchmark::State& state) {
  const auto crypto = crypto_or_skip(state, SrtpBackend::kIpsecMb);
  if (!crypto) return;
  constexpr size_t kViewers = 64;
  std::vector<SrtpSender> senders;
  for (size_t i = 0; i < kViewers; ++i)
    senders.emplace_back(*crypto, SrtpProfile::kAes128CmSha1_80, master_key(i));
  const std::vector<uint8_t> header = packet_buffer();
  std::vector<uint8_t> out(kViewers * Packets * kPacketSize);
  for (size_t at = 0; at < out.size(); at += kPacketSize)
    std::copy_n(header.begin(), kHeaderSize, &out[at]);
  const std::vector<std::vector<uint8_t>> payloads(Packets, std::vector<uint8_t>(Payload, 0x5a));
  uint64_t index = 0;
  std::array<RtpToProtect, Packets> run;
  for (auto _ : state) {
    if (Burst) crypto->begin_burst();
    uint8_t* at = out.data();
    for (SrtpSender& sender : senders) {
      for (size_t i = 0; i < Packets; ++i, at += kPacketSize)
        run[i] = {at, kHeaderSize, payloads[i], index + i};
      if (!sender.protect_rtp(run, Ssrc{0x12345678})) state.SkipWithError("not protected");
    }
    if (crypto->end_burst() != 0) state.SkipWithError("not protected");
    benchmark::ClobberMemory();
    index += Packets;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kViewers * Packets));
}
#define ONE_BY_ONE_AND_IN_A_BURST(name, packets, payload)                               \
  BENCHMARK(frames_cm<packets, payload, false>)->Name("frames_cm/" name "/one_by_one"); \
  BENCHMARK(frames_cm<packets, payload, true>)->Name("frames_cm/" name "/burst")
ONE_BY_ONE_AND_IN_A_BURST("sound", 1, 90);
ONE_BY_ONE_AND_IN_A_BURST("1_packet", 1, kPayloadSize);
ONE_BY_ONE_AND_IN_A_BURST("2_packets", 2, kPayloadSize);
ONE_BY_ONE_AND_IN_A_BURST("9_packets", 9, kPayloadSize);

void unprotect(benchmark::State& state, SrtpBackend backend, SrtpProfile profile) {
  const auto crypto = crypto_or_skip(state, backend);
  if (!crypto) return;
  SrtpSender sender(*crypto, profile, master_key());
  SrtpReceiver receiver(*crypto, profile, master_key());
  constexpr size_t kBatch = 4096;
  std::vector<std::vector<uint8_t>> packets(kBatch, packet_buffer());
  const std::vector<uint8_t> payload(kPayloadSize, 0x5a);
  uint64_t index = 0;
  size_t at = kBatch;
  for (auto _ : state) {
    if (at == kBatch) {
      state.PauseTiming();
      for (auto& packet : packets) {
        packet.resize(kPacketSize);
        store_u16(&packet[2], static_cast<uint16_t>(++index));
        packet.resize(sender.protect_rtp(packet, kHeaderSize, payload, index));
      }
      at = 0;
      state.ResumeTiming();
    }
    const auto size = receiver.unprotect_rtp(packets[at++]);
    if (!size) state.SkipWithError("not authentic");
  }
  state.SetItemsProcessed(state.iterations());
}

// RTCP of 100 bytes, its key expanded anew each time.
void protect_rtcp(benchmark::State& state, SrtpBackend backend, SrtpProfile profile) {
  const auto crypto = crypto_or_skip(state, backend);
  if (!crypto) return;
  SrtpSender sender(*crypto, profile, master_key());
  std::vector<uint8_t> packet(100 + SrtpSender::kMaxRtcpOverhead);
  packet[0] = 0x80;
  for (auto _ : state) benchmark::DoNotOptimize(sender.protect_rtcp(packet, 100));
}

#ifdef LOOPCAST_HAS_IPSEC_MB
struct Manager {
  Manager() { init_mb_mgr_auto(mb, nullptr); }
  ~Manager() { free_mb_mgr(mb); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  IMB_MGR* mb = alloc_mb_mgr(0);
};

void raw_ipsec_mb_gcm(benchmark::State& state) {
  Manager manager;
  const SrtpMasterKey master = master_key();
  gcm_key_data key;
  gcm_context_data context;
  IMB_AES128_GCM_PRE(manager.mb, master.key.data(), &key);
  std::vector<uint8_t> out = packet_buffer();
  const std::vector<uint8_t> payload(kPayloadSize, 0x5a);
  alignas(16) uint8_t iv[16]{};
  uint32_t index = 0;
  for (auto _ : state) {
    store_u32(iv, ++index);
    IMB_AES128_GCM_ENC(manager.mb, &key, &context, &out[kHeaderSize], payload.data(),
                       payload.size(), iv, out.data(), kHeaderSize,
                       &out[kHeaderSize + kPayloadSize], 16);
    benchmark::ClobberMemory();
  }
}

// AES-CM and HMAC-SHA1 of `Packets` packets at once: what the multi-buffer interface gains with
// more than one.
template <size_t Packets>
void raw_ipsec_mb_cm(benchmark::State& state) {
  Manager manager;
  const SrtpMasterKey master = master_key();
  alignas(16) uint8_t key[16 * 11], unused[16 * 11];
  IMB_AES_KEYEXP_128(manager.mb, master.key.data(), key, unused);
  alignas(16) uint8_t inner[20]{1}, outer[20]{2};
  std::vector<std::vector<uint8_t>> out(Packets, packet_buffer());
  const std::vector<uint8_t> payload(kPayloadSize, 0x5a);
  alignas(16) uint8_t iv[16]{};
  uint32_t index = 0;
  std::vector<IMB_JOB> jobs(Packets);
  for (auto _ : state) {
    store_u32(iv, ++index);
    for (size_t i = 0; i < Packets; ++i) {
      IMB_JOB& job = jobs[i];
      job.enc_keys = key;
      job.key_len_in_bytes = 16;
      job.src = payload.data();
      job.dst = &out[i][kHeaderSize];
      job.cipher_start_src_offset_in_bytes = 0;
      job.msg_len_to_cipher_in_bytes = kPayloadSize;
      job.iv = iv;
      job.iv_len_in_bytes = 16;
    }
    IMB_SUBMIT_CIPHER_BURST_NOCHECK(manager.mb, jobs.data(), Packets, IMB_CIPHER_CNTR,
                                    IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES);
    for (size_t i = 0; i < Packets; ++i) {
      IMB_JOB& job = jobs[i];
      job.src = out[i].data();
      job.hash_start_src_offset_in_bytes = 0;
      job.msg_len_to_hash_in_bytes = kHeaderSize + kPayloadSize + 4;
      job.auth_tag_output = &out[i][kHeaderSize + kPayloadSize + 4];
      job.auth_tag_output_len_in_bytes = 10;
      job.u.HMAC._hashed_auth_key_xor_ipad = inner;
      job.u.HMAC._hashed_auth_key_xor_opad = outer;
    }
    IMB_SUBMIT_HASH_BURST_NOCHECK(manager.mb, jobs.data(), Packets, IMB_AUTH_HMAC_SHA_1);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(Packets));
}

BENCHMARK(raw_ipsec_mb_gcm);
BENCHMARK(raw_ipsec_mb_cm<1>);
BENCHMARK(raw_ipsec_mb_cm<9>);
#endif

void raw_openssl_gcm(benchmark::State& state) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> ctx(EVP_CIPHER_CTX_new(),
                                                                            &EVP_CIPHER_CTX_free);
  const SrtpMasterKey master = master_key();
  EVP_EncryptInit_ex(ctx.get(), EVP_aes_128_gcm(), nullptr, master.key.data(), nullptr);
  std::vector<uint8_t> out = packet_buffer();
  const std::vector<uint8_t> payload(kPayloadSize, 0x5a);
  uint8_t iv[12]{};
  uint32_t index = 0;
  int size = 0;
  for (auto _ : state) {
    store_u32(iv, ++index);
    EVP_EncryptInit_ex(ctx.get(), nullptr, nullptr, nullptr, iv);
    EVP_EncryptUpdate(ctx.get(), nullptr, &size, out.data(), kHeaderSize);
    EVP_EncryptUpdate(ctx.get(), &out[kHeaderSize], &size, payload.data(), kPayloadSize);
    EVP_EncryptFinal_ex(ctx.get(), &out[kHeaderSize + kPayloadSize], &size);
    EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, 16, &out[kHeaderSize + kPayloadSize]);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(raw_openssl_gcm);

constexpr auto kGcm = SrtpProfile::kAeadAes128Gcm;
constexpr auto kCm = SrtpProfile::kAes128CmSha1_80;
#define FOR_EACH(function)                                                \
  BENCHMARK_CAPTURE(function, ipsec_mb_gcm, SrtpBackend::kIpsecMb, kGcm); \
  BENCHMARK_CAPTURE(function, ipsec_mb_cm, SrtpBackend::kIpsecMb, kCm);   \
  BENCHMARK_CAPTURE(function, openssl_gcm, SrtpBackend::kOpenSsl, kGcm);  \
  BENCHMARK_CAPTURE(function, openssl_cm, SrtpBackend::kOpenSsl, kCm)
FOR_EACH(protect);
FOR_EACH(fan_out);
FOR_EACH(unprotect);
FOR_EACH(protect_rtcp);

}  // namespace
}  // namespace loopcast::rtc
