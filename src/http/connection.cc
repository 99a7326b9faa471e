#include "http/connection.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "http/clock.h"
#include "http/offload.h"
#include "http/response_head.h"
#include "http/target.h"

namespace loopcast::http {
namespace {

namespace beast = boost::beast::http;

constexpr size_t kReadChunk = 8 * 1024;
// Bodies and files leave in pieces of this size, each with its own deadline.
constexpr size_t kWriteChunk = 64 * 1024;
// What one call of sendfile() may pass on, and what may wait in the kernel: somebody who watches
// slowly holds up nobody, and holds little.
constexpr size_t kSendChunk = 512 * 1024;
constexpr int kUnsentLimit = 128 * 1024;
// How long, and how much, a client may go on sending after its request was refused. Closing while
// it sends would reset the connection, and the answer would be lost with it: whoever uploads a bit
// more than the 5 MB of the largest body is to read why not.
constexpr std::chrono::milliseconds kLingerTime{2'000};
constexpr size_t kLingerBytes = 8 << 20;
// Bodies larger than the default at once: whoever may send them, they fill no memory.
constexpr size_t kMaxLargeBodies = 16;

// A place among the large bodies that are being read or handled; given back when it goes.
class LargeBodyPlace {
 public:
  LargeBodyPlace() = default;
  ~LargeBodyPlace() {
    if (taken_) --*taken_;
  }
  LargeBodyPlace(const LargeBodyPlace&) = delete;
  LargeBodyPlace& operator=(const LargeBodyPlace&) = delete;

  explicit operator bool() const { return taken_ != nullptr; }
  // False: all are taken.
  bool take(size_t& places) {
    if (places >= kMaxLargeBodies) return false;
    taken_ = &places;
    ++places;
    return true;
  }

 private:
  size_t* taken_ = nullptr;
};

}  // namespace

struct Connection::Incoming {
  beast::request_parser<beast::string_body> parser;
  Request request;
  LargeBodyPlace place;
  // Set when the request is refused while it is being read.
  std::optional<Response> refusal;
};

SocketAddress limit_key(const IpAddress& ip) {
  IpAddress key = ip;
  if (key.is_v6()) std::fill(key.octets.begin() + 8, key.octets.end(), uint8_t{0});
  return {key, 0};
}

Connection::Connection(std::shared_ptr<ServerContext> server, Executor executor,
                       std::unique_ptr<Stream> stream, SocketAddress peer, bool tls)
    : server_(std::move(server)),
      executor_(executor),
      stream_(std::move(stream)),
      peer_(peer),
      tls_(tls),
      trusted_(std::ranges::count(server_->options.trusted_proxies, peer.ip) > 0),
      watch_done_(executor),
      timer_(executor) {
  server_->connections.insert(this);
  ++server_->connections_of[limit_key(peer_.ip)];
  ++server_->counters.connections;
}

Connection::~Connection() {
  server_->connections.erase(this);
  const auto it = server_->connections_of.find(limit_key(peer_.ip));
  if (it != server_->connections_of.end() && --it->second == 0) server_->connections_of.erase(it);
  --server_->counters.connections;
}

Task<> Connection::run(std::shared_ptr<Connection> self) {
  try {
    self->set_deadline(self->server_->options.header_timeout);
    const error_code error = co_await self->stream_->handshake();
    if (error) {
      ++self->server_->counters.tls_handshakes_failed;
    } else {
      bool more = true;
      while (more) more = co_await self->serve_one();
      if (self->stream_ && !self->broken_) {
        self->set_deadline(kLingerTime);
        co_await self->stream_->shutdown();
      }
    }
  } catch (const std::exception& e) {
    self->log(e.what());
  }
  self->clear_deadline();
  self->timer_.cancel();
  if (self->stream_) self->stream_->close();
}

void Connection::finish() {
  finishing_ = true;
  if (!busy_) abort();
}

void Connection::abort() {
  broken_ = true;
  if (stream_) stream_->close();
}

void Connection::log(std::string_view what) const {
  if (server_->options.log) server_->options.log(what);
}

void Connection::set_deadline(std::chrono::milliseconds from_now) {
  deadline_ = monotonic_now() + to_duration(from_now);
  arm_timer();
}

void Connection::arm_timer() {
  if (deadline_ >= armed_) return;
  armed_ = deadline_;
  timer_.expires_at(to_time_point(deadline_));
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->armed_ = Instant::never();
    if (self->deadline_ <= monotonic_now()) {
      if (self->busy_) ++self->server_->counters.requests_timed_out;
      self->abort();
    } else {
      self->arm_timer();
    }
  });
}

Task<bool> Connection::fill() {
  if (watching_)
    co_await watch_done_.wait();
  else {
    const size_t before = buffer_.size();
    buffer_.resize(before + kReadChunk);
    const asio::mutable_buffer space(buffer_.data() + before, kReadChunk);
    const ReadResult result = co_await stream_->read_some(space);
    buffer_.resize(before + result.size);
    if (result.error) broken_ = true;
  }
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
  in.parser.header_limit(static_cast<uint32_t>(server_->options.max_header));
  in.parser.body_limit(boost::none);  // depends on the path: see read_body()
  in.parser.eager(false);
  for (;;) {
    if (!buffer_.empty()) {
      if (!busy_) {
        busy_ = true;
        set_deadline(server_->options.header_timeout);
      }
      error_code error;
      const size_t used = in.parser.put(asio::buffer(buffer_), error);
      buffer_.erase(0, used);
      if (error == beast::error::header_limit) {
        ++server_->counters.requests_header_too_large;
        in.refusal = Response::problem(431, "header_too_large", "The request header is too large");
        co_return true;
      }
      if (error && error != beast::error::need_more) {
        ++server_->counters.requests_malformed;
        in.refusal = Response::problem(400, "bad_request", "This is no HTTP request");
        co_return true;
      }
      if (in.parser.is_header_done()) co_return true;
    }
    const bool more = co_await fill();
    if (!more) co_return false;
  }
}

Task<bool> Connection::read_body(Incoming& in, size_t limit) {
  const auto too_large = [&] {
    ++server_->counters.requests_body_too_large;
    in.refusal =
        server_->router.problem(in.request, 413, "too_large", "The request body is too large");
  };
  const uint64_t announced = in.parser.content_length().value_or(0);
  if (announced > limit) {
    too_large();
    co_return true;
  }
  const auto take_place = [&](uint64_t size) {
    if (size <= kDefaultMaxBody || in.place || in.place.take(server_->large_bodies)) return true;
    ++server_->counters.requests_over_large_limit;
    in.refusal =
        server_->router.problem(in.request, 503, "overloaded", "Too much is being uploaded");
    return false;
  };
  if (!take_place(announced)) co_return true;
  if (!in.parser.is_done()) {
    set_deadline(server_->options.body_timeout);
    if (equals_ignoring_case(in.request.header("expect"), "100-continue")) {
      const error_code error = co_await stream_->write("HTTP/1.1 100 Continue\r\n\r\n", {});
      if (error) co_return false;
    }
  }
  in.parser.eager(true);
  while (!in.parser.is_done()) {
    error_code error;
    const size_t used = in.parser.put(asio::buffer(buffer_), error);
    buffer_.erase(0, used);
    if (error && error != beast::error::need_more) {
      ++server_->counters.requests_malformed;
      in.refusal = Response::problem(400, "bad_request", "The request body is malformed");
      co_return true;
    }
    if (in.parser.get().body().size() > limit) {  // chunked: its length was not known before
      too_large();
      co_return true;
    }
    if (!take_place(in.parser.get().body().size())) co_return true;
    if (in.parser.is_done()) break;
    // Bytes that make no progress (an endless line of chunk extensions) end it too.
    if (buffer_.size() > server_->options.max_header) {
      ++server_->counters.requests_malformed;
      in.refusal = Response::problem(400, "bad_request", "The request body is malformed");
      co_return true;
    }
    const bool more = co_await fill();
    if (!more) co_return false;
  }
  in.request.body = std::move(in.parser.get().body());
  co_return true;
}

void Connection::find_client(Request& request) const {
  request.remote = peer_;
  request.secure = tls_;
  if (!trusted_) return;
  if (request.header("x-forwarded-proto") == "https") request.secure = true;
  // Each proxy adds the address that it saw: from the right, the first that is no proxy of ours. A
  // proxy that keeps no list names one address.
  std::string_view list = request.headers.has("x-forwarded-for") ? request.header("x-forwarded-for")
                                                                 : request.header("x-real-ip");
  while (!list.empty()) {
    const size_t comma = list.rfind(',');
    std::string_view item = comma == std::string_view::npos ? list : list.substr(comma + 1);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    const auto ip = IpAddress::parse(item);
    if (!ip) return;
    request.remote = {*ip, 0};
    if (std::ranges::count(server_->options.trusted_proxies, *ip) == 0) return;
  }
}

std::optional<Response> Connection::accept_request(Incoming& in) {
  const auto& head = in.parser.get();
  Request& request = in.request;
  request.method = std::string(head.method_string());
  request.target = std::string(head.target());
  for (const auto& field : head)
    request.headers.add(std::string(field.name_string()), std::string(field.value()));
  find_client(request);
  const auto bad = [&](std::string_view why) {
    ++server_->counters.requests_malformed;
    return Response::problem(400, "bad_request", why);
  };
  if (head.version() != 11 && head.version() != 10) return bad("This is not HTTP/1.1");
  if (head.version() == 11 && !request.headers.has("host"))
    return bad("The Host header is missing");
  if (request.target == "*" && request.method == "OPTIONS") {
    request.path = "*";
    return std::nullopt;
  }
  auto target = parse_target(request.target);
  if (!target) return bad("The request target is malformed");
  request.path = std::move(target->path);
  request.query = std::move(target->query);
  return std::nullopt;
}

EngineServer* Connection::engine_for(const Request& request) const {
  for (const auto& engine : server_->engines)
    if (engine->serves(request.path)) return engine.get();
  return nullptr;
}

Task<bool> Connection::serve_one() {
  busy_ = false;
  if (finishing_ || broken_) co_return false;
  if (deadline_.is_never()) set_deadline(server_->options.idle_timeout);
  Incoming in;
  const bool header_read = co_await read_header(in);
  if (!header_read) co_return false;
  ++server_->counters.requests;
  if (!in.refusal) in.refusal = accept_request(in);
  if (in.refusal) {
    co_await refuse(in.request, std::move(*in.refusal));
    co_return false;
  }

  EngineServer* engine = engine_for(in.request);
  const bool is_post = engine && in.request.method == "POST";
  std::optional<PostScope> post =
      is_post ? engine->begin_post(in.request) : std::optional<PostScope>(PostScope(nullptr));
  if (!post) {
    Response overlap = Response::problem(400, "post_overlap", "Another POST is under way");
    co_await refuse(in.request, std::move(overlap));
    co_return false;
  }
  const size_t limit = engine ? engine->options().max_payload
                              : server_->router.max_body(in.request.method, in.request.path);
  const bool body_read = co_await read_body(in, limit);
  if (!body_read) co_return false;
  if (in.refusal) {
    co_await refuse(in.request, std::move(*in.refusal));
    co_return false;
  }
  clear_deadline();
  const bool keep_alive = in.parser.get().keep_alive();

  if (engine && in.request.headers.has("upgrade")) {
    auto refused = engine->refuse_websocket(in.request);
    if (!refused && (!is_websocket_handshake(in.request) || !buffer_.empty()))
      refused = Response::problem(400, "bad_handshake", "This is no WebSocket handshake");
    if (!refused) {
      co_await upgrade(*engine, std::move(in.request));
      co_return false;
    }
    co_await write(in.request, std::move(*refused), false);
    co_return false;
  }

  std::string body = std::exchange(in.request.body, {});
  Request head = in.request;
  in.request.body = std::move(body);
  Response response;
  if (engine)
    response = co_await engine->handle(std::move(in.request), *this);
  else
    response = co_await dispatch(head, std::move(in.request));
  on_hangup_ = nullptr;
  post.reset();
  const bool go_on = keep_alive && !finishing_ && !server_->stopping;
  const bool written = co_await write(head, std::move(response), go_on);
  if (!written && engine) engine->answer_lost(head);
  co_return written&& go_on;
}

Task<Response> Connection::dispatch(const Request& head, Request request) {
  try {
    co_return co_await server_->router.handle(std::move(request));
  } catch (const std::exception& e) {
    log(e.what());
  }
  ++server_->counters.handler_exceptions;
  co_return server_->router.problem(head, 500, "internal",
                                    "Something went wrong inside the server");
}

Task<> Connection::upgrade(EngineServer& engine, Request request) {
  const auto kept = engine.shared_from_this();
  timer_.cancel();
  const std::unique_ptr<Stream> stream = std::move(stream_);
  const auto websocket = co_await stream->accept_websocket(request, kept->options().max_payload);
  if (websocket) co_await kept->run_websocket(std::move(request), websocket);
}

Task<bool> Connection::write(const Request& request, Response response, bool keep_alive) {
  HttpCounters& counters = server_->counters;
  if (response.status >= 500)
    ++counters.responses_5xx;
  else if (response.status >= 400)
    ++counters.responses_4xx;
  else
    ++counters.responses_1xx_3xx;
  const std::string head = response_head(response, keep_alive);
  std::string_view body = response.body;
  if (request.method == "HEAD" || response.status == 204 || response.status == 304) {
    body = {};
    response.file.reset();
  }
  std::string_view first = head;
  do {
    if (broken_) co_return false;
    set_deadline(server_->options.write_timeout);
    const std::string_view piece = body.substr(0, kWriteChunk);
    const error_code error = co_await stream_->write(first, piece);
    if (error) co_return false;
    counters.bytes_sent += first.size() + piece.size();
    first = {};
    body.remove_prefix(piece.size());
  } while (!body.empty());
  bool written = true;
  if (response.file) written = co_await write_file(*response.file);
  clear_deadline();
  co_return written;
}

Task<bool> Connection::write_file(const FileBody& file) {
  uint64_t position = file.offset();
  const uint64_t end = file.offset() + file.length();
  if (const int socket = stream_->kernel_socket(); socket >= 0) {
    const bool sent = co_await send_file(file, socket, position);
    if (!sent) co_return false;
  }
  std::string chunk;
  while (position < end) {
    const size_t wanted = std::min<uint64_t>(kWriteChunk, end - position);
    clear_deadline();
    chunk.resize(wanted);
    const ssize_t got = co_await offload(
        server_->file_readers, [fd = file.fd(), to = chunk.data(), wanted, position] {
          return ::pread(fd, to, wanted, static_cast<off_t>(position));
        });
    // Shorter than it was: the promised length cannot be kept, and the connection ends.
    if (got <= 0 || broken_) co_return false;
    set_deadline(server_->options.write_timeout);
    const std::string_view piece(chunk.data(), static_cast<size_t>(got));
    const error_code error = co_await stream_->write(piece, {});
    if (error) co_return false;
    server_->counters.bytes_sent += piece.size();
    position += static_cast<uint64_t>(got);
  }
  co_return true;
}

Task<bool> Connection::send_file(const FileBody& file, int socket, uint64_t& position) {
  // A descriptor of our own: the connection may be closed, and its number be another's, while a
  // reader is at work.
  const int copy = ::fcntl(socket, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) co_return true;
  const FileBody out(copy, 0, 0);
  ::setsockopt(copy, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentLimit, sizeof kUnsentLimit);
  const uint64_t end = file.offset() + file.length();
  while (position < end) {
    struct Sent {
      ssize_t size;
      int error;
    };
    const size_t wanted = std::min<uint64_t>(kSendChunk, end - position);
    clear_deadline();
    const Sent sent = co_await offload(server_->file_readers,
                                       [to = out.fd(), from = file.fd(), position, wanted] {
                                         auto offset = static_cast<off_t>(position);
                                         const ssize_t size = ::sendfile(to, from, &offset, wanted);
                                         return Sent{size, size < 0 ? errno : 0};
                                       });
    if (broken_) co_return false;
    if (sent.size > 0) {
      position += static_cast<uint64_t>(sent.size);
      server_->counters.bytes_sent += static_cast<uint64_t>(sent.size);
      server_->counters.bytes_sent_by_kernel += static_cast<uint64_t>(sent.size);
      continue;
    }
    // Not every file system can.
    if (sent.error == EINVAL || sent.error == ENOSYS) co_return true;
    // Zero: the file is shorter than it was.
    if (sent.error != EAGAIN && sent.error != EINTR) co_return false;
    set_deadline(server_->options.write_timeout);
    const error_code error = co_await stream_->wait_writable();
    if (error) co_return false;
  }
  co_return true;
}

Task<> Connection::refuse(const Request& request, Response response) {
  const bool written = co_await write(request, std::move(response), false);
  if (!written) co_return;
  set_deadline(kLingerTime);
  co_await stream_->shutdown();
  for (size_t drained = 0; drained < kLingerBytes && !broken_; drained += kReadChunk) {
    buffer_.clear();
    co_await fill();
  }
  broken_ = true;
}

}  // namespace loopcast::http
