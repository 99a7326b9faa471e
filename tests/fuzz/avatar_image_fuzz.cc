// Pictures as users upload them: decoded, or refused.
#include <cstdint>
#include <cstdlib>

#include "app/avatar_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  const auto avatar = app::make_avatar({data, size});
  if (!avatar) {
    if (avatar.error().code != "image_invalid") abort();
    return 0;
  }
  // A JPEG from its start to its end, and a small one whatever was sent.
  if (!avatar->starts_with("\xFF\xD8\xFF") || !avatar->ends_with("\xFF\xD9")) abort();
  if (avatar->size() > 200'000) abort();
  return 0;
}
