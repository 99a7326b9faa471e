// VP9: payloads of RFC 9628, flexible mode or not, spatial layers together as one superframe.
#pragma once

#include "record/depacketizer.h"

namespace loopcast::record {

class Vp9Depacketizer final : public Depacketizer {
 public:
  bool add(Bytes payload) override;
  std::optional<Frame> take() override;
  void drop() override;

 private:
  std::vector<uint8_t> data_;
  std::vector<size_t> layer_starts_;  // in data_
  bool open_ = false;                 // a layer has begun and not ended
  // Of the largest spatial layer, as the last scalability structure said; 0: it did not.
  uint32_t structure_width_ = 0;
  uint32_t structure_height_ = 0;
};

}  // namespace loopcast::record
