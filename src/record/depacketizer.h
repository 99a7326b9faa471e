// From RTP payloads to coded pictures: one implementation for each codec.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "record/frame.h"
#include "wire/codec.h"

namespace loopcast::record {

class Depacketizer {
 public:
  // A larger picture is no picture of a browser's.
  static constexpr size_t kMaxFrame = size_t{8} << 20;

  virtual ~Depacketizer() = default;
  // The next payload of a picture, in order and without gaps. False: malformed, or it does not
  // continue what came before; the picture is lost.
  virtual bool add(Bytes payload) = 0;
  // The picture is complete: hands it out and begins the next. nullopt: it is not, or no decoder
  // could make anything of it.
  virtual std::optional<Frame> take() = 0;
  // Forgets the picture that was begun.
  virtual void drop() = 0;
  // Whether a payload can only be the first one of a picture, whatever its timestamp.
  virtual bool begins_picture(Bytes) const { return false; }
};

// `codec` is one of video. `fmtp`: its parameters as the presenter offered them.
std::unique_ptr<Depacketizer> make_depacketizer(wire::Codec codec, std::string_view fmtp = {});

}  // namespace loopcast::record
