// H.264: payloads of RFC 6184, packetization modes 0 and 1, and parameter sets.
#pragma once

#include "record/depacketizer.h"

namespace loopcast::record {

// The parameter sets of one kind that came last, by their ids.
class ParameterSets {
 public:
  // No encoder for live media has more at once.
  static constexpr size_t kMost = 8;

  struct Set {
    uint32_t id = 0;
    uint32_t refers_to = 0;  // of a picture parameter set: the id of its sequence parameter set
    std::vector<uint8_t> unit;
    bool here = false;  // it is in the picture that is being put together
  };
  void keep(Set&& set);
  // The set of that id, or the newest one; nullptr if there is none.
  const Set* find(uint32_t id) const;
  // Puts those that are not in the picture in front of it.
  void prepend_missing(std::vector<uint8_t>& data) const;
  void end_picture();

 private:
  std::vector<Set> sets_;  // the newest one last
};

class H264Depacketizer final : public Depacketizer {
 public:
  // Sets that an offer has (RFC 6184, section 8.1: sprop-parameter-sets) count like those that come
  // in the stream.
  explicit H264Depacketizer(std::string_view fmtp = {});
  bool add(Bytes payload) override;
  std::optional<Frame> take() override;
  void drop() override;

 private:
  bool add_unit(Bytes unit);
  bool add_aggregate(Bytes units);
  bool add_fragment(uint8_t indicator, Bytes fragment);
  bool end_unit();
  bool keep_set(Bytes unit, bool here);

  std::vector<uint8_t> data_;
  size_t unit_start_ = 0;  // of the unit that is still open
  bool open_ = false;
  bool keyframe_ = false;
  bool has_slice_ = false;
  uint32_t slice_pps_ = 0;  // the picture parameter set of the first slice
  ParameterSets sps_;
  ParameterSets pps_;
};

// From a sequence and a picture parameter set; nullopt if the first is malformed.
std::optional<VideoConfig> h264_config(Bytes sps, Bytes pps);

}  // namespace loopcast::record
