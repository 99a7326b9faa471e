#include "wire/transport_feedback.h"

#include <algorithm>
#include <array>
#include <limits>

namespace loopcast::wire {
namespace {

constexpr size_t kFixedSize = 16;  // sender, media source, and the fields before the chunks
constexpr size_t kChunkSize = 2;
// Of chunks and deltas, by the 16 bits that count a packet's words.
constexpr size_t kMaxContent = size_t{4} * 0xFFFF - kFixedSize;

// Symbols of a packet's status. The fourth value is reserved.
constexpr unsigned kNotReceived = 0;
constexpr unsigned kSmallDelta = 1;
constexpr unsigned kLargeDelta = 2;
constexpr unsigned kReserved = 3;

constexpr unsigned kMaxRunLength = 0x1FFF;
constexpr unsigned kOneBitSymbols = 14;
constexpr unsigned kTwoBitSymbols = 7;
constexpr unsigned kVectorBit = 0x8000;
constexpr unsigned kTwoBitVectorBit = 0x4000;

// Bytes of the delta that a status brings: the symbols are numbered by it.
constexpr size_t delta_size(unsigned symbol) { return symbol; }

bool is_run(unsigned chunk) { return (chunk & kVectorBit) == 0; }

unsigned symbols_of(unsigned chunk) {
  if (is_run(chunk)) return chunk & kMaxRunLength;
  return (chunk & kTwoBitVectorBit) != 0 ? kTwoBitSymbols : kOneBitSymbols;
}

// The symbol of a chunk after which `left` of its symbols follow, this one counted.
unsigned symbol_at(unsigned chunk, unsigned left) {
  if (is_run(chunk)) return chunk >> 13 & 3;
  if ((chunk & kTwoBitVectorBit) != 0) return chunk >> 2 * (left - 1) & 3;
  return chunk >> (left - 1) & 1;
}

// Packs symbols into chunks, each as late as possible, so that it takes as many as it can.
class ChunkBuilder {
 public:
  // Adds `n` times `symbol`; calls emit(uint16_t) for each chunk that is complete.
  template <typename Emit>
  void add(unsigned symbol, unsigned n, Emit&& emit) {
    for (; n > 0; --n) {
      while (!takes(symbol)) emit(take_chunk());
      if (size_ < symbols_.size()) symbols_[size_] = static_cast<uint8_t>(symbol);
      uniform_ = size_ == 0 || (uniform_ && symbol == symbols_[0]);
      has_large_ = (size_ > 0 && has_large_) || symbol == kLargeDelta;
      ++size_;
    }
  }
  // What is left is one chunk, or none. Symbols of a vector past the last status are ignored.
  template <typename Emit>
  void flush(Emit&& emit) {
    if (size_ == 0) return;
    const bool one_bit = !uniform_ && size_ > kTwoBitSymbols;
    emit(one_bit ? take_one_bit_vector() : take_chunk());
  }

 private:
  bool takes(unsigned symbol) const {
    if (size_ < kTwoBitSymbols) return true;
    if (size_ < kOneBitSymbols && !has_large_ && symbol != kLargeDelta) return true;
    return uniform_ && symbol == symbols_[0] && size_ < kMaxRunLength;
  }

  uint16_t take_chunk() {
    if (uniform_) {
      const unsigned length = size_;
      size_ = 0;
      return static_cast<uint16_t>(unsigned{symbols_[0]} << 13 | length);
    }
    return size_ == kOneBitSymbols ? take_one_bit_vector() : take_two_bit_vector();
  }

  uint16_t take_one_bit_vector() {
    unsigned chunk = kVectorBit;
    for (unsigned i = 0; i < size_; ++i) chunk |= unsigned{symbols_[i]} << (kOneBitSymbols - 1 - i);
    size_ = 0;
    return static_cast<uint16_t>(chunk);
  }

  uint16_t take_two_bit_vector() {
    const unsigned taken = std::min(size_, kTwoBitSymbols);
    unsigned chunk = kVectorBit | kTwoBitVectorBit;
    for (unsigned i = 0; i < taken; ++i)
      chunk |= unsigned{symbols_[i]} << 2 * (kTwoBitSymbols - 1 - i);
    std::copy(symbols_.begin() + taken, symbols_.begin() + size_, symbols_.begin());
    size_ -= taken;
    uniform_ = std::all_of(symbols_.begin(), symbols_.begin() + size_,
                           [&](uint8_t s) { return s == symbols_[0]; });
    has_large_ = std::find(symbols_.begin(), symbols_.begin() + size_, kLargeDelta) !=
                 symbols_.begin() + size_;
    return static_cast<uint16_t>(chunk);
  }

  std::array<uint8_t, kOneBitSymbols> symbols_{};  // the first ones of a longer run
  unsigned size_ = 0;
  bool uniform_ = true;
  bool has_large_ = false;
};

// What a message may still take, arrival by arrival.
class FeedbackPlan {
 public:
  FeedbackPlan(const PacketArrival& first, size_t room)
      : base_(first.sequence),
        reference_(floor_divide(first.at.us(), kFeedbackReferenceUnit.us())),
        tick_(reference_ * kTicksPerReference),
        room_(room),
        next_(first.sequence) {}

  // Takes one more arrival if it belongs into this message and fits.
  bool add(const PacketArrival& arrival) {
    if (arrival.sequence < next_ || arrival.sequence - base_ >= kMaxFeedbackStatuses) return false;
    const int64_t tick = tick_of(arrival.at);
    const int64_t delta = tick - tick_;
    if (delta < std::numeric_limits<int16_t>::min() || delta > std::numeric_limits<int16_t>::max())
      return false;
    const unsigned symbol = symbol_of(delta);
    ChunkBuilder chunks = chunks_;
    size_t bytes = bytes_ + delta_size(symbol);
    const auto count = [&](uint16_t) { bytes += kChunkSize; };
    chunks.add(kNotReceived, static_cast<unsigned>(arrival.sequence - next_), count);
    chunks.add(symbol, 1, count);
    if (padded(bytes + kChunkSize) > room_) return false;  // with the chunk that is still open
    chunks_ = chunks;
    bytes_ = bytes;
    tick_ = tick;
    next_ = arrival.sequence + 1;
    return true;
  }

  int64_t reference() const { return reference_; }
  uint16_t status_count() const { return static_cast<uint16_t>(next_ - base_); }
  // Of chunks and deltas, without padding.
  size_t bytes() const { return bytes_ + kChunkSize; }

  static constexpr size_t padded(size_t bytes) { return (bytes + 3) / 4 * 4; }
  static constexpr int64_t tick_of(Instant at) {
    return floor_divide(at.us(), kFeedbackDeltaUnit.us());
  }
  static constexpr unsigned symbol_of(int64_t delta) {
    return delta >= 0 && delta <= 0xFF ? kSmallDelta : kLargeDelta;
  }
  static constexpr int64_t kTicksPerReference =
      kFeedbackReferenceUnit.us() / kFeedbackDeltaUnit.us();

 private:
  static constexpr int64_t floor_divide(int64_t a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
  }

  int64_t base_;
  int64_t reference_;
  int64_t tick_;  // of the last arrival: differences of ticks do not add up rounding errors
  size_t room_;
  int64_t next_;
  size_t bytes_ = 0;  // of complete chunks and of deltas
  ChunkBuilder chunks_;
};

}  // namespace

std::optional<TransportFeedback> parse_transport_feedback(const RtcpPacket& packet) {
  if (packet.type != kRtcpTransportFeedback || packet.count != kFeedbackTransportWide ||
      packet.body.size() < kFixedSize)
    return std::nullopt;
  ByteReader r(packet.body);
  TransportFeedback feedback;
  feedback.sender = Ssrc{r.u32()};
  feedback.media = Ssrc{r.u32()};
  feedback.base_sequence = Seq16{r.u16()};
  feedback.status_count = r.u16();
  feedback.reference_time = static_cast<int32_t>(r.u24() << 8) >> 8;
  feedback.feedback_count = r.u8();
  if (feedback.status_count == 0 || feedback.status_count > kMaxFeedbackStatuses)
    return std::nullopt;

  const Bytes content = r.rest();
  size_t deltas = 0;
  for (unsigned left = feedback.status_count; left > 0 && r.ok();) {
    const unsigned chunk = r.u16();
    const unsigned symbols = std::min(symbols_of(chunk), left);
    if (is_run(chunk)) {
      const unsigned symbol = symbol_at(chunk, symbols);
      if (symbol == kReserved) return std::nullopt;
      deltas += symbols * delta_size(symbol);
    } else {
      for (unsigned i = 0; i < symbols; ++i) {
        const unsigned symbol = symbol_at(chunk, symbols_of(chunk) - i);
        if (symbol == kReserved) return std::nullopt;
        deltas += delta_size(symbol);
      }
    }
    left -= symbols;
  }
  if (!r.ok() || r.remaining() < deltas) return std::nullopt;
  feedback.chunks_ = content.first(content.size() - r.remaining());
  feedback.deltas_ = r.bytes(deltas);
  return feedback;
}

TransportFeedback::Walk::Walk(const TransportFeedback& feedback)
    : chunks_(feedback.chunks_),
      deltas_(feedback.deltas_),
      sequence_(feedback.base_sequence),
      left_(feedback.status_count) {}

bool TransportFeedback::Walk::next(Status& status) {
  if (left_ == 0) return false;
  while (chunk_left_ == 0) {  // a run may be empty
    chunk_ = load_u16(chunks_.data());
    chunks_ = chunks_.subspan(kChunkSize);
    chunk_left_ = symbols_of(chunk_);
  }
  const unsigned symbol = symbol_at(chunk_, chunk_left_);
  int ticks = 0;
  if (symbol == kSmallDelta) ticks = deltas_[0];
  if (symbol == kLargeDelta) ticks = static_cast<int16_t>(load_u16(deltas_.data()));
  deltas_ = deltas_.subspan(delta_size(symbol));
  status = {sequence_, symbol != kNotReceived, kFeedbackDeltaUnit * ticks};
  sequence_ = sequence_ + 1;
  --chunk_left_;
  --left_;
  return true;
}

size_t write_transport_feedback(ByteWriter& w, Ssrc sender, Ssrc media, uint8_t feedback_count,
                                std::span<const PacketArrival> arrivals) {
  constexpr size_t kOverhead = kRtcpHeaderSize + kFixedSize;
  if (!w.ok() || arrivals.empty() || w.remaining() < kOverhead) return 0;
  FeedbackPlan plan(arrivals[0], std::min(w.remaining() - kOverhead, kMaxContent));
  size_t taken = 0;
  while (taken < arrivals.size() && plan.add(arrivals[taken])) ++taken;
  if (taken == 0) return 0;
  arrivals = arrivals.first(taken);

  const size_t padding = FeedbackPlan::padded(plan.bytes()) - plan.bytes();
  write_rtcp_header(w, kFeedbackTransportWide, kRtcpTransportFeedback,
                    kFixedSize + plan.bytes() + padding, padding > 0);
  w.u32(sender.value);
  w.u32(media.value);
  w.u16(static_cast<uint16_t>(arrivals[0].sequence));
  w.u16(plan.status_count());
  w.u24(static_cast<uint32_t>(plan.reference()) & 0xFF'FFFF);
  w.u8(feedback_count);

  const auto emit = [&](uint16_t chunk) { w.u16(chunk); };
  ChunkBuilder chunks;
  int64_t next = arrivals[0].sequence;
  int64_t tick = plan.reference() * FeedbackPlan::kTicksPerReference;
  for (const PacketArrival& arrival : arrivals) {
    const int64_t now = FeedbackPlan::tick_of(arrival.at);
    chunks.add(kNotReceived, static_cast<unsigned>(arrival.sequence - next), emit);
    chunks.add(FeedbackPlan::symbol_of(now - tick), 1, emit);
    tick = now;
    next = arrival.sequence + 1;
  }
  chunks.flush(emit);

  tick = plan.reference() * FeedbackPlan::kTicksPerReference;
  for (const PacketArrival& arrival : arrivals) {
    const int64_t now = FeedbackPlan::tick_of(arrival.at);
    if (FeedbackPlan::symbol_of(now - tick) == kSmallDelta)
      w.u8(static_cast<uint8_t>(now - tick));
    else
      w.u16(static_cast<uint16_t>(now - tick));
    tick = now;
  }
  if (padding > 0) {
    w.zeros(padding - 1);
    w.u8(static_cast<uint8_t>(padding));
  }
  return taken;
}

}  // namespace loopcast::wire
