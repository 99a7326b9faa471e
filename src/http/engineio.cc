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

void EngineServer::forget(const std::string& id) {
  if (sessions_.erase(id) > 0) --counters_.engine_sessions;
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

std::shared_ptr<EngineSocketImpl> EngineServer::open(const Request& request, bool websocket) {
  if (stopping_ || sessions_.size() >= options_.max_sessions) {
    ++counters_.engine_sessions_refused;
    return nullptr;
  }
  auto handshake = std::make_shared<Handshake>();
  handshake->protocol = request.query.get("EIO") == "3" ? 3 : 4;
  handshake->query = request.query;
  handshake->headers = request.headers;
  handshake->remote = request.remote;
  handshake->secure = request.secure;

  EngineSession::Config config;
  config.protocol = handshake->protocol;
  config.websocket = websocket;
  config.binary_allowed = request.query.get("b64").empty();
  config.ping_interval = to_duration(options_.ping_interval);
  config.ping_timeout = to_duration(options_.ping_timeout);
  config.upgrade_timeout = to_duration(options_.upgrade_timeout);
  config.max_queue = options_.max_queue;

  const std::string id = random_.token(kSidLength);
  json::array upgrades;
  if (!websocket) upgrades.emplace_back("websocket");
  const json::object parameters{{"sid", id},
                                {"upgrades", upgrades},
                                {"pingInterval", options_.ping_interval.count()},
                                {"pingTimeout", options_.ping_timeout.count()},
                                {"maxPayload", options_.max_payload}};
  EnginePacket packet{EngineType::kOpen, json::serialize(parameters)};
  auto socket = std::make_shared<EngineSocketImpl>(context_.get_executor(), weak_from_this(), id,
                                                   std::move(handshake), config, options_.frame_gap,
                                                   std::move(packet));
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

Task<Response> EngineServer::handle(Request request, HangupWatch& watch) {
  const auto self = shared_from_this();
  if (request.method == "OPTIONS") {
    Response response = Response::empty(204);
    add_cors(request, response);
    co_return response;
  }
  // The answer needs only the head of the request.
  Request head = request;
  head.body.clear();
  Response response = co_await answer(std::move(request), watch);
  response.set("Cache-Control", "no-store");
  add_cors(head, response);
  co_return response;
}

Task<Response> EngineServer::answer(Request request, HangupWatch& watch) {
  if (const auto error = verify(request, false)) co_return refuse(*error);
  std::shared_ptr<EngineSocketImpl> socket = find(request);
  if (!socket) {
    socket = open(request, false);
    if (!socket) co_return Response::problem(503, "server_full", "No more clients fit in");
  }
  if (request.method == "POST") co_return post(*socket, request);
  co_return co_await poll(std::move(socket), watch);
}

Task<Response> EngineServer::poll(std::shared_ptr<EngineSocketImpl> socket, HangupWatch& watch) {
  switch (socket->begin_poll()) {
    case EngineSession::Poll::kWait:
      break;
    case EngineSession::Poll::kConflict:
    case EngineSession::Poll::kElsewhere:
      co_return refuse(kBadRequest);
  }
  if (!socket->session().poll_ready())
    watch.watch([weak = std::weak_ptr(socket)] {
      if (const auto s = weak.lock()) s->fail("transport close");
    });
  const std::vector<EnginePacket> packets = co_await socket->finish_poll();
  if (packets.empty()) co_return refuse(kBadRequest);
  const auto& config = socket->session().config();
  EngineFrame frame = encode_engine_payload(config.protocol, packets, config.binary_allowed);
  Response response = Response::text(std::move(frame.data));
  if (frame.binary) response.set("Content-Type", "application/octet-stream");
  co_return response;
}

Response EngineServer::post(EngineSocketImpl& socket, const Request& request) {
  const int protocol = socket.session().config().protocol;
  const bool binary =
      equals_ignoring_case(request.header("content-type"), "application/octet-stream");
  auto packets = decode_engine_payload(protocol, request.body, binary);
  if (!packets) {
    socket.fail("parse error");
    return refuse(kBadRequest);
  }
  for (EnginePacket& packet : *packets) {
    if (!socket.open()) break;
    socket.receive(std::move(packet));
  }
  return Response::text("ok");
}

void EngineServer::answer_lost(const Request& request) {
  // What was in it is lost: the session cannot go on.
  if (request.method != "GET") return;
  if (const auto socket = find(request)) socket->fail("transport error");
}

std::optional<Response> EngineServer::refuse_websocket(const Request& request) {
  if (const auto error = verify(request, true)) return refuse(*error);
  return std::nullopt;
}

Task<> EngineServer::run_websocket(Request request, std::shared_ptr<WebSocket> websocket) {
  const auto self = shared_from_this();
  if (request.query.find("sid")) {
    // It may be gone since the handshake began.
    const auto socket = find(request);
    if (!socket || !socket->open() || socket->session().on_websocket() ||
        socket->session().upgrading()) {
      co_await websocket->close();
      co_return;
    }
    co_await socket->run_upgrade(std::move(websocket));
    co_return;
  }
  const auto socket = open(request, true);
  if (!socket) {
    co_await websocket->close();
    co_return;
  }
  co_await socket->run(std::move(websocket));
}

EngineIo::EngineIo(asio::io_context& context, Random& random, EngineOptions options,
                   EngineHandler& handler, HttpCounters& counters)
    : server_(
          std::make_shared<EngineServer>(context, random, std::move(options), handler, counters)) {}

EngineIo::~EngineIo() { server_->abandon(); }

size_t EngineIo::sessions() const { return server_->sessions(); }

void EngineIo::stop() { server_->stop(); }

}  // namespace loopcast::http
