// Links to files, as anybody may write them: "file\nexpires\nuser\nsignature\nsession". None is
// good: nobody guesses a signature.
#include <array>
#include <cstdlib>

#include "app/media_link.h"
#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  std::string_view text = as_text({data, size});
  std::array<std::string_view, 5> parts;
  for (auto& part : parts) {
    const size_t end = std::min(text.find('\n'), text.size());
    part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const app::LinkKey key{7};
  const app::LinkHolder holder{std::string(parts[2]), std::string(parts[4])};
  if (app::check_media_link(key, parts[0], parts[1], holder, parts[3], {})) std::abort();
  const std::string_view recording = app::recording_of_file(parts[0]);
  // What names a file never leaves the folder.
  if (recording.find_first_of("./\\") != std::string_view::npos) std::abort();
  return 0;
}
