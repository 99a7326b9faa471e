#include "http/router.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "http/request_rules.h"

namespace loopcast::http {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool segments_match(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  return std::ranges::equal(pattern, path, [](const std::string& p, const std::string& s) {
    return is_parameter(p) ? !s.empty() : p == s;
  });
}

// Whether `a` is more literal than `b`, seen from the left.
bool more_literal(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::lexicographical_compare(a, b, {}, is_parameter, is_parameter);
}

std::string join(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) {
    if (!out.empty()) out += ", ";
    out += item;
  }
  return out;
}

}  // namespace

std::string allowed_headers(const Request& preflight) {
  constexpr size_t kMaxLength = 1024;
  std::string asked = preflight.headers.list("access-control-request-headers");
  const bool names = std::ranges::all_of(asked, [](unsigned char c) {
    return std::isalnum(c) || std::string_view("!#$%&'*+-.^_`|~, \t").find(static_cast<char>(c)) !=
                                  std::string_view::npos;
  });
  return names && asked.size() <= kMaxLength ? asked : std::string();
}

std::string allowed_origin(const std::vector<std::string>& origins, std::string_view origin) {
  if (origin.empty()) return {};
  for (const std::string& allowed : origins) {
    if (allowed == "*") return "*";
    if (allowed == origin) return allowed;
  }
  return {};
}

void Router::add(std::string_view method, std::string_view pattern, Handler handler,
                 RouteOptions options) {
  for (const Route& route : routes_)
    if (route.method == method && route.pattern == pattern)
      throw std::logic_error("route added twice: " + route.method + ' ' + route.pattern);
  routes_.push_back(
      {std::string(method), std::string(pattern), split(pattern), std::move(handler), options});
}

std::vector<RouteInfo> Router::routes() const {
  std::vector<RouteInfo> result;
  for (const Route& route : routes_) result.push_back({route.method, route.pattern});
  return result;
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  const std::vector<std::string> segments = split(path);
  Match result;
  const Route* get = nullptr;
  const auto prefer = [](const Route*& best, const Route& candidate) {
    if (!best || more_literal(candidate.segments, best->segments)) best = &candidate;
  };
  for (const Route& route : routes_) {
    if (!segments_match(route.segments, segments)) continue;
    if (std::ranges::find(result.allowed, route.method) == result.allowed.end())
      result.allowed.push_back(route.method);
    if (route.method == method) prefer(result.route, route);
    if (route.method == "GET") prefer(get, route);
  }
  if (!result.route && method == "HEAD") result.route = get;
  if (get) result.allowed.push_back("HEAD");
  if (result.route)
    for (size_t i = 0; i < segments.size(); ++i) {
      const std::string& name = result.route->segments[i];
      if (is_parameter(name))
        result.params.emplace_back(name.substr(1, name.size() - 2), segments[i]);
    }
  return result;
}

const CorsRule* Router::cors_rule(std::string_view path) const {
  for (const CorsRule& rule : cors_)
    if (path.starts_with(rule.prefix)) return &rule;
  return nullptr;
}

Response Router::problem(const Request& request, unsigned status, std::string_view code,
                         std::string_view english) const {
  if (!wording_) return Response::problem(status, code, english);
  return Response::problem(status, code, wording_(code, request.headers.list("accept-language")));
}

size_t Router::max_body(std::string_view method, std::string_view path) const {
  const Match found = match(method, path);
  return found.route ? found.route->options.max_body : kDefaultMaxBody;
}

Task<Response> Router::answer(Request request) const {
  Match found = match(request.method, request.path);
  if (found.route) {
    request.params = std::move(found.params);
    if (!observer_) co_return co_await found.route->handler(std::move(request));
    std::string body = std::move(request.body);
    const Request asked = request;
    request.body = std::move(body);
    Response response = co_await found.route->handler(std::move(request));
    observer_(asked, response);
    co_return response;
  }
  if (request.method == "OPTIONS")
    co_return co_await answer_options(std::move(request), std::move(found));
  const Request head = request.brief();
  if (found.allowed.empty()) {
    if (!fallback_) co_return problem(head, 404, "not_found", "There is nothing here");
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (!reads) request.method = "HEAD";
    Response response = co_await fallback_(std::move(request));
    if (reads || response.status == 404) co_return response;
    found.allowed = {"GET", "HEAD"};
  }
  found.allowed.emplace_back("OPTIONS");
  Response response = problem(head, 405, "method_not_allowed", "This method is not allowed here");
  response.set("Allow", join(found.allowed));
  co_return response;
}

Task<Response> Router::answer_options(Request request, Match found) const {
  if (found.allowed.empty()) found.allowed = {"GET", "HEAD"};
  found.allowed.emplace_back("OPTIONS");
  Response response = Response::empty(204);
  response.set("Allow", join(found.allowed));
  for (const auto& [method, header] :
       {std::pair{"POST", "Accept-Post"}, std::pair{"PATCH", "Accept-Patch"}}) {
    const Match other = match(method, request.path);
    if (other.route && !other.route->options.accepts.empty())
      response.set(header, other.route->options.accepts);
  }
  co_return response;
}

std::string Router::methods_below(std::string_view prefix) const {
  std::vector<std::string> methods;
  for (const Route& route : routes_)
    if (route.pattern.starts_with(prefix) && std::ranges::count(methods, route.method) == 0)
      methods.push_back(route.method);
  for (const char* method : {"HEAD", "OPTIONS"})
    if (std::ranges::count(methods, method) == 0) methods.emplace_back(method);
  return join(methods);
}

void Router::add_cors(const Request& request, Response& response) const {
  for (const Default& header : defaults_)
    if (request.path.starts_with(header.prefix) && !response.headers.has(header.name))
      response.set(header.name, header.value);
  const CorsRule* rule = cors_rule(request.path);
  if (!rule) return;
  const std::string origin = allowed_origin(rule->origins, request.header("origin"));
  // What is allowed depends on who asks: caches must know.
  if (origin != "*") response.headers.add("Vary", "Origin");
  if (origin.empty()) return;
  const std::string_view asked = request.header("access-control-request-method");
  const bool options = request.method == "OPTIONS";
  const Match meant = match(options && !asked.empty() ? asked : request.method, request.path);
  const Pages pages = meant.route ? meant.route->options.pages : Pages::kAll;
  if (pages == Pages::kSameOrigin ||
      (pages == Pages::kSameSite && !is_same_site(request).value_or(false)))
    return;
  response.set("Access-Control-Allow-Origin", origin);
  response.set("Access-Control-Expose-Headers", rule->expose_headers);
  if (!options) return;
  // Also without a preflight: there are clients that learn from a plain OPTIONS whether the
  // resources that they are going to make take PATCH.
  response.set("Access-Control-Allow-Methods", methods_below(rule->prefix));
  if (asked.empty()) return;
  response.set("Access-Control-Allow-Headers", allowed_headers(request));
  response.set("Access-Control-Max-Age", "600");
}

Task<Response> Router::handle(Request request) const {
  const Request head = request.brief();
  Response response = co_await answer(std::move(request));
  add_cors(head, response);
  co_return response;
}

}  // namespace loopcast::http
