// Status line and header fields of a response.
#pragma once

#include <string>

#include "http/message.h"

namespace loopcast::http {

// Adds Date, Content-Length and Connection. Characters that would end a field early are left out of
// its name and value.
std::string response_head(const Response& response, bool keep_alive);

}  // namespace loopcast::http
