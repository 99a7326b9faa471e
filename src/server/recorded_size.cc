#include "server/recorded_size.h"

#include <filesystem>

namespace loopcast::server {

uint64_t recorded_so_far(const std::string& folder, const std::string& id) {
  for (const char* extension : {".part.mp4", ".part.webm", ".mp4", ".webm"}) {
    std::error_code missing;
    const auto size =
        std::filesystem::file_size(std::filesystem::path(folder) / (id + extension), missing);
    if (!missing) return size;
  }
  return 0;
}

}  // namespace loopcast::server
