// The request that a connection is reading, and the pace that is asked of whoever sends it. For the
// sources of Connection only.
#pragma once

#include <chrono>
#include <optional>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/ip_prefix.h"
#include "http/connection.h"

namespace loopcast::http {

// Bodies larger than the default at once: whoever may send them, they fill no memory.
inline constexpr size_t kMaxLargeBodies = 16;
inline constexpr size_t kMaxLargeBodiesPerHost = 4;
// Bytes of one read.
inline constexpr size_t kReadChunk = 8 * 1024;

// A place among the large bodies that are being read or handled; given back when it goes.
class LargeBodyPlace {
 public:
  LargeBodyPlace() = default;
  ~LargeBodyPlace() {
    if (!server_) return;
    --server_->large_bodies;
    server_->large_bodies_of.remove(from_);
  }
  LargeBodyPlace(const LargeBodyPlace&) = delete;
  LargeBodyPlace& operator=(const LargeBodyPlace&) = delete;

  explicit operator bool() const { return server_ != nullptr; }
  // False: all are taken, or all that one address may have.
  bool take(ServerContext& server, const IpAddress& from) {
    if (server.large_bodies >= kMaxLargeBodies ||
        !server.large_bodies_of.has_room(from, kMaxLargeBodiesPerHost))
      return false;
    server_ = &server;
    from_ = from;
    ++server.large_bodies;
    server.large_bodies_of.add(from);
    return true;
  }

 private:
  ServerContext* server_ = nullptr;
  IpAddress from_;
};

struct Connection::Incoming {
  bool known = false;  // its sender has signed in
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  // Let go when the request has been read.
  std::optional<Parser> parser{std::in_place};
  unsigned version = 11;
  bool keep_alive = false;
  Request request;
  LargeBodyPlace place;
  // Set when the request is refused while it is being read.
  std::optional<Response> refusal;
};

}  // namespace loopcast::http
