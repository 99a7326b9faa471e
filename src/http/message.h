// One request and one response, as handlers see them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/value.hpp>

#include "base/address.h"

namespace loopcast::http {

// Names and values in the order of the query string, decoded ('+' is a space). At most
// kMaxQueryPairs (target.h).
class Query {
 public:
  using Pair = std::pair<std::string, std::string>;

  void add(std::string name, std::string value) {
    pairs_.emplace_back(std::move(name), std::move(value));
  }
  // The first value of `name`; nullopt if it is absent.
  std::optional<std::string_view> find(std::string_view name) const;
  // The first value of `name`; empty if it is absent.
  std::string_view get(std::string_view name) const { return find(name).value_or(""); }
  const std::vector<Pair>& pairs() const { return pairs_; }

 private:
  std::vector<Pair> pairs_;
};

// Header fields in the order of arrival. Names are found whatever their case. Fields that hold a
// list may come in several lines, which are one list (RFC 9110, section 5.3): read those by list().
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  // Replaces every field of that name.
  void set(std::string_view name, std::string value);
  // The first value of `name`; empty if it is absent.
  std::string_view get(std::string_view name) const;
  // The values of all lines of `name`, in their order, separated by ", "; empty if it is absent.
  std::string list(std::string_view name) const;
  bool has(std::string_view name) const { return count(name) > 0; }
  // How many lines of that name there are.
  size_t count(std::string_view name) const;
  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

struct Request {
  std::string method;  // as sent: methods are case-sensitive
  std::string target;  // as sent
  // Decoded and normalised: begins with '/', valid UTF-8, no empty, "." or ".." segment, no control
  // character, no backslash.
  std::string path;
  Query query;
  Headers headers;
  std::string body;
  // The client: the peer of the connection, or who a trusted proxy says it is.
  SocketAddress remote;
  // Whether the client's own connection is TLS (to us, or to a trusted proxy).
  bool secure = false;
  // What the {names} of the route's pattern matched; filled by the router.
  std::vector<std::pair<std::string, std::string>> params;

  // This without its body and without what only its handler needs: for what is told about it while
  // and after it is answered. Keeps Accept-Language, User-Agent and what CORS depends on.
  Request brief() const;

  // The first value of the header `name`; empty if it is absent.
  std::string_view header(std::string_view name) const { return headers.get(name); }
  // The path parameter `name`; empty if the pattern has none.
  std::string_view param(std::string_view name) const;
  // The token of "Authorization: Bearer <token>" (RFC 6750); empty if there is none.
  std::string_view bearer_token() const;
};

// A part of an open file. Owns the descriptor.
class FileBody {
 public:
  FileBody(int fd, uint64_t offset, uint64_t length) : fd_(fd), offset_(offset), length_(length) {}
  FileBody(FileBody&& o) noexcept
      : fd_(std::exchange(o.fd_, -1)), offset_(o.offset_), length_(o.length_) {}
  FileBody& operator=(FileBody&& o) noexcept;
  ~FileBody();

  int fd() const { return fd_; }
  uint64_t offset() const { return offset_; }
  uint64_t length() const { return length_; }

 private:
  int fd_;
  uint64_t offset_;
  uint64_t length_;
};

struct Response {
  unsigned status = 200;
  Headers headers;
  std::string body;
  std::optional<FileBody> file;  // instead of `body`

  static Response empty(unsigned status);
  static Response text(std::string body, unsigned status = 200);
  static Response json(const boost::json::value& value, unsigned status = 200);
  // RFC 9457, with the member "code": stable, in snake_case, for programs.
  static Response problem(unsigned status, std::string_view code, std::string_view title,
                          std::string_view detail = {});

  Response& set(std::string_view name, std::string value) {
    headers.set(name, std::move(value));
    return *this;
  }
};

// JSON from the network: valid UTF-8, at most 32 levels deep, every number within the range of a
// double (RFC 8259, section 6); nullopt for everything else.
std::optional<boost::json::value> parse_json(std::string_view text);

// ASCII letters only.
bool equals_ignoring_case(std::string_view a, std::string_view b);
// Without spaces and tabs at both ends (OWS of RFC 9110, section 5.6.3).
std::string_view trim(std::string_view text);
// The next element of a comma-separated list without quoted strings, trimmed, taken from the front
// of `list` together with its comma. Elements may be empty.
std::string_view take_element(std::string_view& list);
// Whether the comma-separated header value `list` has the token (RFC 9110, section 5.6.1).
bool list_has_token(std::string_view list, std::string_view token);

}  // namespace loopcast::http
