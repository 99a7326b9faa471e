// The attributes of session descriptions one by one. For sdp.cc only.
#pragma once

#include <string_view>

#include "wire/sdp.h"

namespace loopcast::wire {

// Reads one "a=name:value" into what it belongs to. They return what is wrong with it, or nullptr;
// a name that is not known is nothing wrong.
const char* read_transport_attribute(std::string_view name, std::string_view value,
                                     TransportAttributes& transport);
const char* read_session_attribute(std::string_view name, std::string_view value,
                                   SessionDescription& session);
const char* read_media_attribute(std::string_view name, std::string_view value,
                                 MediaDescription& media);

}  // namespace loopcast::wire
