// AV1: payloads of the RTP Payload Format For AV1, as low-overhead OBUs with sizes.
#pragma once

#include "record/depacketizer.h"

namespace loopcast::record {

class Av1Depacketizer final : public Depacketizer {
 public:
  bool add(Bytes payload) override;
  std::optional<Frame> take() override;
  void drop() override;

 private:
  bool add_obu(Bytes obu);

  std::vector<uint8_t> data_;
  std::vector<uint8_t> fragment_;  // of an OBU that goes on in the next packet
  bool open_ = false;
  bool has_frame_ = false;
  bool key_ = false;
  std::vector<uint8_t> sequence_header_;  // of this picture, with its size
  std::optional<VideoConfig> config_;
};

}  // namespace loopcast::record
