#include "http/engineio.h"

#include <utility>

#include <boost/json/serialize.hpp>

#include "http/clock.h"
#include "http/engineio_server.h"
#include "http/engineio_socket.h"
#include "http/router.h"

namespace loopcast::http {
namespace {

namespace json = boost::json;

// 132 bits: nobody guesses the id of another client's session.
constexpr size_t kSidLength = 22;

// The codes and sentences of engine.io's own server, which clients know.
enum ErrorCode {
  kUnknownTransport,
  kUnknownSid,
  kBadMethod,
  kBadRequest,
  kForbidden,
  kBadProtocol
};
constexpr std::string_view kErrorMessages[] = {
    "Transport unknown", "Session ID unknown", "Bad handshake method",
    "Bad request",       "Forbidden",          "Unsupported protocol version",
};

// What is kept of a handshake's headers for as long as the session lives.
Headers kept_headers(const Request& request) {
  constexpr size_t kMaxValue = 512;
  Headers kept;
  for (const char* name : {"Accept-Language", "Origin", "User-Agent"})
    if (std::string value = request.headers.list(name); !value.empty() && value.size() <= kMaxValue)
      kept.add(name, std::move(value));
  return kept;
}

}  // namespace

PostScope::~PostScope() {
  if (socket_) socket_->posting = false;
}

EngineServer::EngineServer(asio::io_context& context, Random& random, EngineOptions options,
                           EngineHandler& handler, HttpCounters& counters)
    : context_(context),
      random_(random),
      options_(std::move(options)),
      handler_(&handler),
      counters_(counters) {
  while (options_.path.size() > 1 && options_.path.ends_with('/')) options_.path.pop_back();
}

bool EngineServer::serves(std::string_view path) const {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path == options_.path;
}

void EngineServer::stop() {
  stopping_ = true;
  const auto sessions = sessions_;  // closing takes them out
  for (const auto& [id, socket] : sessions) socket->close("server shutting down");
}

void EngineServer::end_sessions() {
  const auto sessions = sessions_;
  for (const auto& [id, socket] : sessions) socket->fail("server shutting down");
}

void EngineServer::abandon() {
  handler_ = nullptr;
  stopping_ = true;
  const auto sessions = std::move(sessions_);
  sessions_.clear();
  counters_.engine_sessions -= sessions.size();
  for (const auto& [id, socket] : sessions) socket->fail("server shutting down");
}

void EngineServer::forget(EngineSocketImpl& socket) {
  const auto it = sessions_.find(socket.id());
  if (it == sessions_.end()) return;
  if (!socket.admitted())
    strangers_of_.remove(socket.handshake()->remote.ip);
  else if (options_.sign_in)
    --users_;
  --counters_.engine_sessions;
  sessions_.erase(it);
}

bool EngineServer::admit(EngineSocketImpl& socket) {
  if (users_ >= options_.max_sessions) {
    ++counters_.engine_sessions_refused;
    return false;
  }
  if (!sessions_.contains(socket.id())) return true;
  ++users_;
  strangers_of_.remove(socket.handshake()->remote.ip);
  return true;
}

std::shared_ptr<EngineSocketImpl> EngineServer::find(const Request& request) const {
  const auto it = sessions_.find(std::string(request.query.get("sid")));
  if (it == sessions_.end()) return nullptr;
  const auto socket = it->second;
  socket->check_time();
  return socket->session().phase() == EngineSession::Phase::kClosed ? nullptr : socket;
}

Response EngineServer::refuse(int code) {
  ++counters_.engine_handshakes_refused;
  return Response::json(json::object{{"code", code}, {"message", kErrorMessages[code]}}, 400);
}

std::optional<int> EngineServer::verify(const Request& request, bool websocket) const {
  const std::string_view protocol = request.query.get("EIO");
  const std::string_view transport = request.query.get("transport");
  if (transport != "polling" && transport != "websocket") return kUnknownTransport;
  if (protocol != "4" && (protocol != "3" || !options_.allow_eio3)) return kBadProtocol;
  // JSONP is not spoken here.
  if (websocket != (transport == "websocket") || request.query.find("j")) return kBadRequest;
  if (request.query.find("sid")) {
    const auto socket = find(request);
    if (!socket) return kUnknownSid;
    const bool same_protocol = std::to_string(socket->session().config().protocol) == protocol;
    if (!same_protocol) return kBadRequest;
    // One WebSocket too many is accepted and closed: refused, it would be an error event that the
    // official client throws where nobody listens. See run_websocket.
    if (websocket) return std::nullopt;
    if (socket->session().on_websocket()) return kBadRequest;
    if (request.method != "GET" && request.method != "POST") return kBadMethod;
    return std::nullopt;
  }
  if (request.method != "GET") return kBadMethod;
  return std::nullopt;
}

std::optional<Response> EngineServer::refuse_stranger(const Request& request) {
  const auto full = [](unsigned status, Duration retry_after) {
    const bool often = status == 429;
    Response response = Response::problem(
        status, often ? "rate_limited" : "server_full",
        often ? "That was too often" : "As many clients as there may be are connected");
    response.set("Retry-After", std::to_string(retry_after.us() / 1'000'000 + 1));
    return response;
  };
  if (stopping_ || (!options_.sign_in && sessions_.size() >= options_.max_sessions)) {
    ++counters_.engine_sessions_refused;
    return full(503, Duration::seconds(1));
  }
  size_t kept = request.target.size();
  const Headers headers = kept_headers(request);  // a temporary would be gone before the loop
  for (const auto& [name, value] : headers.fields()) kept += name.size() + value.size();
  if (kept > options_.max_handshake) return refuse(kBadRequest);
  if (!options_.sign_in) return std::nullopt;
  const IpAddress& from = request.remote.ip;
  if (!strangers_of_.has_room(from, options_.max_strangers_per_host)) {
    ++counters_.engine_strangers_refused;
    return full(503, Duration::seconds(1));
  }
  const auto wait = options_.handshake_limit ? options_.handshake_limit(from) : std::nullopt;
  if (!wait) return std::nullopt;
  ++counters_.engine_strangers_refused;
  return full(429, *wait);
}

Expected<std::shared_ptr<EngineSocketImpl>, Response> EngineServer::open(const Request& request,
                                                                         bool websocket) {
  auto handshake = std::make_shared<Handshake>();
  handshake->protocol = request.query.get("EIO") == "3" ? 3 : 4;
  handshake->query = request.query;
  handshake->headers = kept_headers(request);
  handshake->remote = request.remote;
  handshake->secure = request.secure;

  EngineSession::Config config;
  config.protocol = handshake->protocol;
  config.websocket = websocket;
  config.binary_allowed = request.query.get("b64").empty();
  config.ping_interval = to_duration(options_.ping_interval);
  config.ping_timeout = to_duration(options_.ping_timeout);
  config.upgrade_timeout = to_duration(options_.upgrade_timeout);
  config.max_queue = options_.sign_in ? options_.max_stranger_queue : options_.max_queue;

  const std::string id = random_.token(kSidLength);
  json::array upgrades;
  if (!websocket) upgrades.emplace_back("websocket");
  const json::object parameters{{"sid", id},
                                {"upgrades", upgrades},
                                {"pingInterval", options_.ping_interval.count()},
                                {"pingTimeout", options_.ping_timeout.count()},
                                {"maxPayload", options_.max_payload}};
  EnginePacket packet{EngineType::kOpen, json::serialize(parameters)};
  auto socket =
      std::make_shared<EngineSocketImpl>(context_.get_executor(), weak_from_this(), id,
                                         std::move(handshake), config, options_, std::move(packet));
  if (options_.sign_in && !socket->be_stranger(strangers_)) {
    ++counters_.engine_strangers_refused;
    Response response = Response::problem(503, "server_full", "There is no room for more clients");
    response.set("Retry-After", "5");
    return response;
  }
  if (options_.sign_in) strangers_of_.add(request.remote.ip);
  sessions_.emplace(id, socket);
  ++counters_.engine_sessions;
  ++counters_.engine_sessions_opened;
  socket->check_time();  // starts its timer
  if (handler_) handler_->on_open(socket);
  return socket;
}

void EngineServer::add_cors(const Request& request, Response& response) const {
  const std::string_view origin = request.header("origin");
  const std::string allowed = allowed_origin(options_.cors_origins, origin);
  if (allowed.empty()) return;
  if (request.query.get("EIO") == "3") {
    // Clients of that generation ask with credentials, and browsers then refuse "*". There are no
    // cookies here: the permission gives nothing away.
    response.set("Access-Control-Allow-Origin", std::string(origin));
    response.set("Access-Control-Allow-Credentials", "true");
    response.headers.add("Vary", "Origin");
  } else {
    response.set("Access-Control-Allow-Origin", allowed);
    if (allowed != "*") response.headers.add("Vary", "Origin");
  }
  if (request.method != "OPTIONS") return;
  response.set("Access-Control-Allow-Methods", "GET, POST");
  const std::string_view wanted = request.header("access-control-request-headers");
  if (!wanted.empty()) response.set("Access-Control-Allow-Headers", std::string(wanted));
  response.set("Access-Control-Max-Age", "600");
}

std::optional<PostScope> EngineServer::begin_post(const Request& head) {
  const auto socket = find(head);
  if (!socket) return PostScope(nullptr);
  if (socket->posting) {
    socket->fail("transport error");
    return std::nullopt;
  }
  socket->posting = true;
  return PostScope(socket);
}

Task<> EngineServer::settle(const Request& request) {
  if (const auto socket = find(request)) co_await socket->settled();
}

size_t EngineServer::payload_limit(const Request& request) const {
  const auto socket = find(request);
  if (socket) return socket->payload_limit();
  return options_.sign_in ? options_.max_stranger_payload : options_.max_payload;
}

Task<Response> EngineServer::handle(Request request, ClientConnection& connection) {
  const auto self = shared_from_this();
  if (request.method == "OPTIONS") {
    Response response = Response::empty(204);
    add_cors(request, response);
    co_return response;
  }
  // The answer needs only the head of the request.
  const Request head = request.brief();
  Response response = co_await answer(std::move(request), connection);
  response.set("Cache-Control", "no-store");
  add_cors(head, response);
  co_return response;
}

Task<Response> EngineServer::answer(Request request, ClientConnection& connection) {
  if (const auto error = verify(request, false)) co_return refuse(*error);
  std::shared_ptr<EngineSocketImpl> socket = find(request);
  if (!socket) {
    if (auto refused = refuse_stranger(request)) co_return std::move(*refused);
    auto opened = open(request, false);
    if (!opened) co_return std::move(opened.error());
    socket = std::move(*opened);
  }
  if (socket->admitted()) connection.recognise();
  if (request.method == "POST") co_return co_await post(std::move(socket), std::move(request));
  request = Request();  // a poll may hang for long
  co_return co_await poll(std::move(socket), connection);
}

Task<Response> EngineServer::poll(std::shared_ptr<EngineSocketImpl> socket,
                                  ClientConnection& connection) {
  switch (socket->begin_poll()) {
    case EngineSession::Poll::kWait:
      break;
    case EngineSession::Poll::kConflict:
    case EngineSession::Poll::kElsewhere:
      co_return refuse(kBadRequest);
  }
  if (!socket->session().poll_ready())
    connection.watch([weak = std::weak_ptr(socket)] {
      if (const auto s = weak.lock()) s->fail("transport close");
    });
  const std::vector<EnginePacket> packets = co_await socket->finish_poll();
  if (packets.empty()) co_return refuse(kBadRequest);
  if (socket->admitted()) connection.recognise();
  const auto& config = socket->session().config();
  EngineFrame frame = encode_engine_payload(config.protocol, packets, config.binary_allowed);
  Response response = Response::text(std::move(frame.data));
  if (frame.binary) response.set("Content-Type", "application/octet-stream");
  co_return response;
}

Task<Response> EngineServer::post(std::shared_ptr<EngineSocketImpl> socket, Request request) {
  const int protocol = socket->session().config().protocol;
  const bool binary =
      equals_ignoring_case(request.header("content-type"), "application/octet-stream");
  auto packets = decode_engine_payload(protocol, request.body, binary);
  if (!packets) {
    socket->fail("parse error");
    co_return refuse(kBadRequest);
  }
  request = Request();
  for (EnginePacket& packet : *packets) {
    co_await socket->settled();
    if (!socket->open()) break;
    socket->receive(std::move(packet));
  }
  // What the client may send with the next one depends on it.
  co_await socket->settled();
  co_return Response::text("ok");
}

void EngineServer::answer_lost(const Request& request) {
  // What was in it is lost: the session cannot go on.
  if (request.method != "GET") return;
  if (const auto socket = find(request)) socket->fail("transport error");
}

std::optional<Response> EngineServer::refuse_websocket(const Request& request) {
  if (const auto error = verify(request, true)) return refuse(*error);
  if (!request.query.find("sid")) return refuse_stranger(request);
  return std::nullopt;
}

Task<> EngineServer::run_websocket(Request request, std::shared_ptr<WebSocket> websocket,
                                   ClientConnection& connection) {
  const auto self = shared_from_this();
  if (request.query.find("sid")) {
    // It may be gone since the handshake began.
    const auto socket = find(request);
    if (!socket || !socket->open() || socket->session().on_websocket() ||
        socket->session().upgrading()) {
      co_await websocket->close();
      co_return;
    }
    request = Request();  // this goes on for hours
    co_await socket->run_upgrade(std::move(websocket), connection);
    co_return;
  }
  const auto opened = open(request, true);
  request = Request();
  if (!opened) {
    co_await websocket->close();
    co_return;
  }
  const std::shared_ptr<EngineSocketImpl> socket = *opened;
  co_await socket->run(std::move(websocket), connection);
}

EngineIo::EngineIo(asio::io_context& context, Random& random, EngineOptions options,
                   EngineHandler& handler, HttpCounters& counters)
    : server_(
          std::make_shared<EngineServer>(context, random, std::move(options), handler, counters)) {}

EngineIo::~EngineIo() { server_->abandon(); }

size_t EngineIo::sessions() const { return server_->sessions(); }

void EngineIo::stop() { server_->stop(); }

}  // namespace loopcast::http
