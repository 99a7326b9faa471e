// The parameter sets of an H.264 stream (ITU-T H.264, section 7.3.2; RFC 6184): what a decoder
// needs before it can begin. Some senders tell them in their offer only, or once at their
// beginning; whoever comes later needs them before a keyframe all the same.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace loopcast::wire {

class H264ParameterSets {
 public:
  // Of each kind, and bytes of each. Encoders use one or two of some 30 bytes; what is more or
  // longer is left out.
  static constexpr size_t kMaxSets = 4;
  static constexpr size_t kMaxSize = 512;

  // Of which kind there is one.
  struct Kinds {
    bool sequence = false, picture = false;
    bool both() const { return sequence && picture; }
    Kinds& operator|=(Kinds other) {
      sequence |= other.sequence;
      picture |= other.picture;
      return *this;
    }
  };

  // The value of sprop-parameter-sets (RFC 6184, section 8.1): NAL units in base64, separated by
  // commas. What is malformed is left out.
  void take_offered(std::string_view sprop);
  // Those that stand whole in a payload that inspect_payload() finds parameter sets in. A set takes
  // the place of the one with its identifier. Returns which there were, also of those that are left
  // out.
  Kinds take(Bytes payload);

  // Whether a decoder could begin with them: there is one of each kind.
  bool complete() const { return !sequence_.empty() && !picture_.empty(); }
  // In the order in which a decoder needs them, each a NAL unit. Valid until the next change.
  std::vector<Bytes> units() const;

 private:
  struct Set {
    uint32_t id;
    std::vector<uint8_t> unit;
  };

  Kinds take_unit(Bytes unit);
  static void keep(std::vector<Set>& sets, uint32_t id, Bytes unit);

  std::vector<Set> sequence_;
  std::vector<Set> picture_;
};

}  // namespace loopcast::wire
