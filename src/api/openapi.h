// The description of the HTTP interface (OpenAPI 3.1), as it stands in openapi.json.
#pragma once

#include <string_view>

namespace loopcast::api {

std::string_view openapi_document();

}  // namespace loopcast::api
