// Which handler answers a request: by method and path pattern.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "http/task.h"

namespace loopcast::http {

// Runs on the control thread and must not block it. An exception becomes a 500.
using Handler = std::function<Task<Response>(Request)>;

// Larger bodies get 413 before they are read. 64 kB: an SDP offer of 32 kB in JSON fits with room.
inline constexpr size_t kDefaultMaxBody = 64 * 1024;

// Of which pages a route is for, whatever the CORS rule of its path says.
enum class Pages : uint8_t { kAll, kSameSite, kSameOrigin };

struct RouteOptions {
  size_t max_body = kDefaultMaxBody;
  // The media type of its bodies, told to OPTIONS: Accept-Post (W3C LDP, section 7.1) for POST,
  // Accept-Patch (RFC 5789, section 3.1) for PATCH. Empty: not told.
  std::string accepts = {};
  Pages pages = Pages::kAll;
};

// The sentence for an error code of ours ("not_found", "method_not_allowed", "too_large",
// "overloaded") in the language of this Accept-Language header.
using Wording = std::function<std::string(std::string_view code, std::string_view accept_language)>;

// Told of every answer that a handler gave; the request without its body.
using Observer = std::function<void(const Request&, const Response&)>;

struct RouteInfo {
  std::string method;
  std::string pattern;
  bool operator==(const RouteInfo&) const = default;
};

// Cross-origin access (Fetch standard) to the paths that begin with `prefix`.
struct CorsRule {
  std::string prefix;
  std::vector<std::string> origins;  // exact, e.g. "https://example.org"; "*" is every origin
  // Response headers that a page may read.
  std::string expose_headers =
      "location, etag, link, accept-patch, accept-post, allow, retry-after, content-range, "
      "accept-ranges, content-length, www-authenticate, x-request-id";
};

// The value of Access-Control-Allow-Headers for a preflight that asks for these: nothing is given
// away by them where no cookie is, and every library has one more of its own. Empty if it asks for
// none, or for what cannot be names of headers.
std::string allowed_headers(const Request& preflight);

// The value of Access-Control-Allow-Origin for this Origin: "*", the origin, or empty (no access).
std::string allowed_origin(const std::vector<std::string>& origins, std::string_view origin);

class Router {
 public:
  // `pattern`: "/api/v2/broadcasts/{id}". A {name} stands for one whole, non-empty segment; literal
  // segments win over names. Adding the same method and pattern twice is a programming error
  // (std::logic_error).
  void add(std::string_view method, std::string_view pattern, Handler handler,
           RouteOptions options = {});
  // Until then the problems of the router and of the server have English titles.
  void set_wording(Wording wording) { wording_ = std::move(wording); }
  void set_observer(Observer observer) { observer_ = std::move(observer); }
  void add_cors(CorsRule rule) { cors_.push_back(std::move(rule)); }
  // A header of every answer to paths that begin with `prefix` and do not set it themselves.
  void add_default(std::string prefix, std::string name, std::string value) {
    defaults_.push_back({std::move(prefix), std::move(name), std::move(value)});
  }
  // Answers GET and HEAD of paths that no pattern matches (static files). Other methods get 405
  // where it finds something.
  void set_fallback(Handler handler) { fallback_ = std::move(handler); }

  // A problem that no handler has seen. `english`: its title without a wording.
  Response problem(const Request& request, unsigned status, std::string_view code,
                   std::string_view english) const;

  // The headers of CORS for an answer that no handler made; handle() has done it already.
  void add_cors(const Request& request, Response& response) const;

  // Every route added, in that order: for a test that holds the API's description against them.
  std::vector<RouteInfo> routes() const;

  // How large a body this request may have. Called when its header has been read.
  size_t max_body(std::string_view method, std::string_view path) const;

  // Finds the handler and awaits its answer. Unknown path: 404; known path with another method: 405
  // with Allow; HEAD is answered by GET's handler (the server leaves out the body); OPTIONS is
  // answered here unless it is a route of its own. Adds the CORS headers.
  Task<Response> handle(Request request) const;

 private:
  struct Route {
    std::string method;
    std::string pattern;
    std::vector<std::string> segments;  // "{name}" for a parameter
    Handler handler;
    RouteOptions options;
  };
  struct Match {
    const Route* route = nullptr;
    std::vector<std::pair<std::string, std::string>> params;
    std::vector<std::string> allowed;  // methods of the path; empty: no such path
  };
  struct Default {
    std::string prefix;
    std::string name;
    std::string value;
  };
  Match match(std::string_view method, std::string_view path) const;
  // The methods of all routes below `prefix`.
  std::string methods_below(std::string_view prefix) const;
  Task<Response> answer_options(Request request, Match found) const;
  const CorsRule* cors_rule(std::string_view path) const;
  Task<Response> answer(Request request) const;

  std::vector<Route> routes_;
  std::vector<CorsRule> cors_;
  std::vector<Default> defaults_;
  Handler fallback_;
  Wording wording_;
  Observer observer_;
};

}  // namespace loopcast::http
