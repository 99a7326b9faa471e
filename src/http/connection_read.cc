// How a connection reads requests.
#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "http/client_address.h"
#include "http/clock.h"
#include "http/connection_incoming.h"
#include "http/request_rules.h"
#include "http/target.h"

namespace loopcast::http {
namespace {

namespace beast = boost::beast::http;

// Lines of a head: browsers send 20 and proxies add ten. More of them cost time and memory out of
// proportion to their bytes.
constexpr std::ptrdiff_t kMaxHeadLines = 100;
// Empty lines before a request line that are passed over (RFC 9112, section 2.2).
constexpr unsigned kMaxEmptyLines = 4;
// A body may take this much longer for each of its bytes: 128 kbit/s is slower than any line on
// which somebody waits for a picture, and nobody holds a place for a large body longer than that.
constexpr double kBodyBytesPerMillisecond = 16;

}  // namespace

Task<bool> Connection::fill() {
  if (watching_) {
    co_await watch_done_.wait();
    co_return !broken_;
  }
  const size_t before = buffer_.size();
  if (!hold(before)) {
    crowded_ = true;
    co_return false;
  }
  buffer_.resize(before + kReadChunk);
  const asio::mutable_buffer space(buffer_.data() + before, kReadChunk);
  reading_ = true;
  const ReadResult result = co_await stream_->read_some(space);
  reading_ = false;
  buffer_.resize(before + result.size);
  if (timed_out_) co_return false;
  if (result.error) broken_ = true;
  co_return !broken_;
}

void Connection::watch(std::function<void()> on_hangup) {
  on_hangup_ = std::move(on_hangup);
  if (watching_ || !buffer_.empty()) return;
  watching_ = true;
  asio::co_spawn(executor_, watch_read(shared_from_this()), asio::detached);
}

Task<> Connection::watch_read(std::shared_ptr<Connection> self) {
  std::string space(kReadChunk, '\0');
  const asio::mutable_buffer view(space.data(), space.size());
  const ReadResult result = co_await self->stream_->read_some(view);
  self->buffer_.append(space, 0, result.size);
  self->watching_ = false;
  if (result.error) {
    self->broken_ = true;
    if (self->on_hangup_) std::exchange(self->on_hangup_, nullptr)();
  }
  self->watch_done_.notify();
}

Task<bool> Connection::read_header(Incoming& in) {
  in.parser->header_limit(static_cast<uint32_t>(server_->options.max_header));
  in.parser->body_limit(boost::none);  // depends on the path: see read_body()
  in.parser->eager(false);
  HttpCounters& counters = server_->counters;
  unsigned empty_lines = 0;
  for (;;) {
    while (buffer_.starts_with("\r\n") && empty_lines < kMaxEmptyLines) {
      ++empty_lines;
      buffer_.erase(0, 2);
    }
    if (!buffer_.empty()) {
      if (!busy_) {
        busy_ = true;
        began_ = monotonic_now();
        share_->set_idle(false);
        set_deadline(server_->options.header_timeout);
      }
      const size_t end = buffer_.find("\r\n\r\n");
      const auto head_end = end == std::string::npos
                                ? buffer_.end()
                                : buffer_.begin() + static_cast<std::ptrdiff_t>(end);
      if (std::count(buffer_.begin(), head_end, '\n') > kMaxHeadLines) {
        ++counters.requests_header_too_large;
        in.refusal = Response::problem(431, "header_too_large", "The request has too many headers");
        co_return true;
      }
      error_code error;
      const size_t used = in.parser->put(asio::buffer(buffer_), error);
      buffer_.erase(0, used);
      if (error == beast::error::header_limit) {
        ++counters.requests_header_too_large;
        in.refusal = Response::problem(431, "header_too_large", "The request header is too large");
        co_return true;
      }
      if (error && error != beast::error::need_more) {
        ++counters.requests_malformed;
        in.refusal = Response::problem(400, "bad_request", "This is no HTTP request");
        co_return true;
      }
      if (in.parser->is_header_done()) co_return true;
    }
    const bool more = co_await fill();
    if (!more) co_return false;
  }
}

Task<bool> Connection::read_body(Incoming& in, size_t limit) {
  HttpCounters& counters = server_->counters;
  const auto too_large = [&] {
    ++counters.requests_body_too_large;
    in.refusal =
        server_->router.problem(in.request, 413, "too_large", "The request body is too large");
  };
  const auto malformed = [&] {
    ++counters.requests_malformed;
    in.refusal =
        server_->router.problem(in.request, 400, "bad_request", "The request body is malformed");
  };
  const uint64_t announced = in.parser->content_length().value_or(0);
  if (announced > limit) {
    too_large();
    co_return true;
  }
  const auto take_place = [&](uint64_t size) {
    if (size <= kDefaultMaxBody || in.place || in.place.take(*server_, in.request.remote.ip))
      return true;
    ++counters.requests_over_large_limit;
    in.refusal =
        server_->router.problem(in.request, 503, "overloaded", "Too much is being uploaded");
    in.refusal->set("Retry-After", "5");
    return false;
  };
  if (!take_place(announced)) co_return true;
  if (!in.parser->is_done() && expects_continue(in.request, in.version)) {
    const error_code error = co_await stream_->write("HTTP/1.1 100 Continue\r\n\r\n", {});
    if (error) co_return false;
  }
  const Instant begin = monotonic_now();
  in.parser->eager(true);
  while (!in.parser->is_done()) {
    error_code error;
    const size_t used = in.parser->put(asio::buffer(buffer_), error);
    buffer_.erase(0, used);
    if (error && error != beast::error::need_more) {
      malformed();
      co_return true;
    }
    const size_t size = in.parser->get().body().size();
    if (size > limit) {  // chunked: its length was not known before
      too_large();
      co_return true;
    }
    if (!take_place(size)) co_return true;
    if (in.parser->is_done()) break;
    // Bytes that make no progress (an endless line of chunk extensions) end it too.
    if (buffer_.size() > server_->options.max_header) {
      malformed();
      co_return true;
    }
    const auto allowance = std::chrono::milliseconds(
        static_cast<int64_t>(static_cast<double>(size) / kBodyBytesPerMillisecond));
    const Duration left =
        begin + to_duration(server_->options.body_timeout + allowance) - monotonic_now();
    set_deadline(std::chrono::milliseconds(std::max<int64_t>(left.us() / 1000, 0)));
    const bool more = co_await fill();
    if (!more) co_return false;
  }
  in.request.body = std::move(in.parser->get().body());
  co_return true;
}

void Connection::find_client(Request& request) {
  request.remote = peer_;
  request.secure = tls_;
  if (!trusted_) return;
  // The last element is the proxy's own.
  const std::string protocols = request.headers.list("x-forwarded-proto");
  const size_t comma = protocols.rfind(',');
  const std::string_view last =
      std::string_view(protocols).substr(comma == std::string::npos ? 0 : comma + 1);
  if (equals_ignoring_case(trim(last), "https")) request.secure = true;
  request.remote = http::find_client(request.headers, peer_, server_->options.trusted_proxies);
  share_->move_to(request.remote.ip);
}

std::optional<Response> Connection::accept_request(Incoming& in) {
  const auto& head = in.parser->get();
  Request& request = in.request;
  request.method = std::string(head.method_string());
  request.target = std::string(head.target());
  for (const auto& field : head)
    request.headers.add(std::string(field.name_string()), std::string(field.value()));
  in.version = head.version();
  in.keep_alive = in.parser->keep_alive();
  find_client(request);
  // For the rules of CORS, which an error has to follow too.
  request.path = request.target.substr(0, request.target.find('?'));
  const auto bad = [&](unsigned status, std::string_view code, std::string_view why) {
    ++server_->counters.requests_malformed;
    return Response::problem(status, code, why);
  };
  if (const auto fault = find_fault(request, in.version))
    return bad(fault->status, fault->code, fault->title);
  if (request.target == "*" && request.method == "OPTIONS") {
    request.path = "*";
    return std::nullopt;
  }
  auto target = parse_target(request.target);
  if (!target) return bad(400, "bad_request", "The request target is malformed");
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  return std::nullopt;
}

std::optional<Response> Connection::unread(const Incoming& in) {
  if (!busy_ || broken_) return std::nullopt;
  if (timed_out_) {
    timed_out_ = false;
    return server_->router.problem(in.request, 408, "timeout", "The request took too long");
  }
  if (!crowded_) return std::nullopt;
  ++server_->counters.requests_no_room;
  Response response =
      server_->router.problem(in.request, 503, "overloaded", "The server is busy just now");
  response.set("Retry-After", "5");
  return response;
}

}  // namespace loopcast::http
