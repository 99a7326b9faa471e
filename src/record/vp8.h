// VP8: payloads of RFC 7741.
#pragma once

#include "record/depacketizer.h"

namespace loopcast::record {

class Vp8Depacketizer final : public Depacketizer {
 public:
  bool add(Bytes payload) override;
  std::optional<Frame> take() override;
  bool begins_picture(Bytes payload) const override;
  void drop() override { data_.clear(); }

 private:
  std::vector<uint8_t> data_;
};

}  // namespace loopcast::record
