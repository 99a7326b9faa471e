// What the threads for work that blocks log.
#pragma once

#include <string_view>

#include <spdlog/spdlog.h>

#include "http/pool.h"

namespace loopcast::server {

inline http::Pool::Report report_of(const char* pool) {
  return [pool](std::string_view what) {
    spdlog::error("{}: something could not be done: {}", pool, what);
  };
}

}  // namespace loopcast::server
