// Facts of a finished file, by libavformat.
#pragma once

#include <string>

#include "base/expected.h"
#include "record/finish.h"

namespace loopcast::record {

// Errors: "recording_empty" if nothing in it can be played.
Expected<Finished> measure(const std::string& path, Format format);

}  // namespace loopcast::record
