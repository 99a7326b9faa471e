// H.264: payloads of RFC 6184, packetization modes 0 and 1, and parameter sets.
#pragma once

#include "record/depacketizer.h"

namespace loopcast::record {

class H264Depacketizer final : public Depacketizer {
 public:
  bool add(Bytes payload) override;
  std::optional<Frame> take() override;
  void drop() override;

 private:
  bool add_unit(Bytes unit);
  bool add_aggregate(Bytes units);
  bool add_fragment(uint8_t indicator, Bytes fragment);
  bool end_unit();

  std::vector<uint8_t> data_;
  size_t unit_start_ = 0;  // of the unit that is still open
  bool open_ = false;
  bool keyframe_ = false;
  bool has_slice_ = false;
  bool has_sps_ = false;
  bool has_pps_ = false;
  // The newest ones, which may be older than the picture.
  std::vector<uint8_t> sps_;
  std::vector<uint8_t> pps_;
};

// From a sequence and a picture parameter set; nullopt if the first is malformed.
std::optional<VideoConfig> h264_config(Bytes sps, Bytes pps);

}  // namespace loopcast::record
