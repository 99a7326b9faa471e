// How much a recording has taken so far.
#pragma once

#include <cstdint>
#include <string>

namespace loopcast::server {

// Bytes of the file of this recording that is being written in that folder; 0 if there is none.
uint64_t recorded_so_far(const std::string& folder, const std::string& id);

}  // namespace loopcast::server
