// Session descriptions as offers: parsed, written, parsed again, and answered in both roles.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "rtc/negotiation.h"
#include "wire/sdp.h"

namespace {

using namespace loopcast;

// An answer must be a description that its reader accepts, with a section for each that was
// offered.
void check_answer(const Expected<rtc::Answer>& answer, const wire::SessionDescription& offer) {
  if (!answer) return;
  const auto parsed = wire::parse_sdp(answer->sdp);
  if (!parsed || parsed->media.size() != offer.media.size()) std::abort();
  for (size_t i = 0; i < offer.media.size(); ++i)
    if (parsed->media[i].mid != offer.media[i].mid) std::abort();
  if (answer->negotiated.media.empty() || answer->negotiated.media.size() > 2) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text({data, size});
  const auto offer = wire::parse_sdp(text);
  if (offer) {
    const std::string written = wire::write_sdp(*offer);
    // It may have grown, by line ends and by attributes of the session that it repeats.
    const auto again = wire::parse_sdp(written);
    if (!again && again.error().code != "offer_too_large") std::abort();
    if (again && wire::write_sdp(*again) != written) std::abort();
  }

  rtc::AnswerOptions options;
  options.local_ice = {"abcd", "0123456789012345678901"};
  options.local_fingerprint = "sha-256 AB:CD";
  options.candidates.resize(1);
  options.candidates[0] = *wire::parse_candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host");
  options.cname = "cname";
  options.msid_stream = "stream";
  const auto published = rtc::answer_publisher(text, options);
  if (offer) check_answer(published, *offer);
  std::vector<rtc::SourceMedia> sources{
      {rtc::MediaKind::kAudio, wire::Codec::kOpus, ""},
      {rtc::MediaKind::kVideo, wire::Codec::kH264, "packetization-mode=1;profile-level-id=42e01f"}};
  if (published) {
    sources.clear();
    for (const auto& m : published->negotiated.media) sources.push_back(rtc::source_of(m));
  }
  const auto viewed = rtc::answer_viewer(text, sources, options);
  if (offer) check_answer(viewed, *offer);
  return 0;
}
