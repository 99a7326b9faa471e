#include "api/live_sockets.h"

#include <algorithm>
#include <utility>

#include "api/present.h"

namespace loopcast::api {

using app::Code;
using app::make_error;
using http::Ack;
using http::Event;
using http::SocketPtr;
using http::Task;
namespace json = boost::json;

// One signed-in socket.
struct LiveSockets::Line {
  http::Socket* socket = nullptr;
  app::PublicUser user;
  app::TokenHash token{};
  app::Language language = app::Language::kChinese;
  app::ClientId client = 0;
  std::string presenter_id;  // the broadcast that this socket came to watch; empty: none
  Ack pending;               // of the offer that has not been answered
};

namespace {

json::object notice_message(std::string_view type, const app::PublicUser& user, WallTime at) {
  return {{"type", type}, {"time", clock_time(at)}, {"from", to_json(user)}};
}

json::value first_argument(const Event& event) {
  return event.args.empty() ? json::value() : event.args.front();
}

}  // namespace

void LiveSockets::mount(http::SocketIo& io) {
  http::NamespaceHandlers handlers;
  handlers.on_connect = [this](SocketPtr socket) { return connect(std::move(socket)); };
  handlers.on_event = [this](SocketPtr socket, Event event) {
    return handle(std::move(socket), std::move(event));
  };
  handlers.on_disconnect = [this](const SocketPtr& socket, std::string_view) { leave(socket); };
  io.add_namespace("/", std::move(handlers));
}

Task<> LiveSockets::connect(SocketPtr socket) {
  auto token = text_member(socket->auth(), "token").value_or(std::string(socket->query("token")));
  const auto user = co_await sign_in_.authenticate(token);
  const auto opened = user ? sockets_of_user_.find(user->id) : sockets_of_user_.end();
  if (!user || (opened != sockets_of_user_.end() && opened->second >= kMaxSocketsPerUser)) {
    const auto language = language_of(socket->header("accept-language"));
    const Code code = user ? Code::kTooManyStreams : Code::kUnauthorized;
    socket->emit("autherror", {json::object{{"message", app::message(code, language)},
                                            {"code", app::name_of(code)}}});
    socket->disconnect();
    co_return;
  }
  if (!socket->connected()) co_return;
  const auto line = std::make_shared<Line>();
  line->socket = socket.get();
  line->user = app::public_user(*user);
  line->token = app::hash_token(token);
  line->language = language_of(socket->header("accept-language"));
  line->presenter_id = std::string(socket->query("presentorId"));
  line->client = live_.add([this, line = line.get()](app::Notice& n) { on_notice(*line, n); });
  socket->data = line;
  lines_.insert(line.get());
  ++sockets_of_user_[user->id];
}

void LiveSockets::leave(const SocketPtr& socket) {
  const auto* held = std::any_cast<std::shared_ptr<Line>>(&socket->data);
  if (!held) return;
  const std::shared_ptr<Line> line = *held;
  socket->data.reset();
  lines_.erase(line.get());
  const auto count = sockets_of_user_.find(line->user.id);
  if (count != sockets_of_user_.end() && --count->second == 0) sockets_of_user_.erase(count);
  live_.remove(line->client);
}

void LiveSockets::update_user(const app::PublicUser& user) {
  for (Line* line : lines_)
    if (line->user.id == user.id) line->user = user;
}

void LiveSockets::end_sessions(const EndedSessions& ended) {
  const auto lines = lines_;
  for (Line* line : lines) {
    if (!lines_.contains(line) || !ended.contains(line->user.id, line->token)) continue;
    line->socket->emit("autherror",
                       {json::object{{"message", app::message(Code::kUnauthorized, line->language)},
                                     {"code", app::name_of(Code::kUnauthorized)}}});
    line->socket->disconnect();
  }
}

void LiveSockets::tell(const app::RecordingNotice& notice) {
  for (Line* line : lines_) {
    if (std::ranges::count(notice.owners, line->user.id) == 0) continue;
    json::object what = {{"id", notice.id}, {"state", notice.state}};
    if (notice.trouble)
      what["trouble"] = {{"code", notice.trouble->code},
                         {"message", app::message(notice.trouble->code, line->language)}};
    line->socket->emit("recording", {std::move(what)});
  }
}

Task<> LiveSockets::handle(SocketPtr socket, Event event) {
  const auto* held = std::any_cast<std::shared_ptr<Line>>(&socket->data);
  if (!held) co_return;
  const std::shared_ptr<Line> line = *held;
  const json::value request = first_argument(event);
  if (event.name == "createPresentor") {
    create_presenter(*line, request, event.ack);
  } else if (event.name == "createViewer") {
    create_viewer(*line, request, event.ack);
  } else if (event.name == "onIceCandidate") {
    add_candidate(*line, request);
  } else if (event.name == "stopPresentor" || event.name == "stopViewer" || event.name == "stop") {
    live_.stop(line->client);
    line->pending = {};
    event.ack({json::object{{"ok", true}}});
    // A first-generation page that leaves a broadcast never closes the socket that it watched with.
    if (event.name == "stopViewer" || !line->presenter_id.empty()) socket->disconnect();
  } else if (event.name == "inviteViewer") {
    refuse_call(*line, event.ack);
  } else if (event.name == "online" || event.name == "offline" || event.name == "acceptcall" ||
             event.name == "rejectcall") {
    // No call is ringing that could be accepted or declined.
    event.ack({json::object{{"ok", true}}});
  } else {
    fail(*line, event.ack, make_error(Code::kBadRequest));
  }
}

void LiveSockets::fail(Line& line, const Ack& ack, const Error& error) {
  const json::object what = {{"code", error.code},
                             {"message", app::message(error.code, line.language)}};
  line.socket->error(what);
  ack({json::object{{"error", what}}});
}

// Nobody can be reached by a call.
void LiveSockets::refuse_call(Line& line, const Ack& ack) {
  const auto message = app::message(Code::kCannotBeReached, line.language);
  line.socket->emit("callerror", {json::object{{"message", message}}});
  ack({json::object{
      {"error", {{"code", app::name_of(Code::kCannotBeReached)}, {"message", message}}}}});
}

template <typename Start>
void LiveSockets::negotiate(Line& line, const json::value& request, Ack ack, Start start) {
  auto offer = text_member(request, "sdpOffer");
  if (!offer) return fail(line, ack, make_error(Code::kBadRequest));
  const Ack waiting = std::exchange(line.pending, std::move(ack));
  start(std::move(*offer));
  // An earlier offer still waits, so that this one has been refused: the answer is the other's.
  if (waiting.wanted()) line.pending = waiting;
}

void LiveSockets::create_presenter(Line& line, const json::value& request, Ack ack) {
  if (const auto invite = text_member(request, "invite"); invite && !invite->empty())
    return refuse_call(line, ack);
  negotiate(line, request, std::move(ack), [&](std::string offer) {
    app::PresentOptions options;
    options.offer = std::move(offer);
    options.address = line.socket->remote().ip;
    const auto* record = request.as_object().if_contains("record");
    options.record = !record || !record->is_bool() || record->as_bool();
    live_.present(line.client, line.user, std::move(options));
  });
}

void LiveSockets::create_viewer(Line& line, const json::value& request, Ack ack) {
  negotiate(line, request, std::move(ack), [&](std::string offer) {
    live_.watch(line.client, line.user, line.presenter_id, std::move(offer));
  });
}

void LiveSockets::add_candidate(Line& line, const json::value& request) {
  const auto* object = request.if_object();
  const auto* candidate = object ? object->if_contains("candidate") : nullptr;
  // The end of candidates is null, or an empty line.
  if (!candidate) return;
  if (auto text = text_member(*candidate, "candidate"); text && !text->empty())
    live_.add_candidate(line.client, std::move(*text));
}

void LiveSockets::on_notice(Line& line, app::Notice& notice) {
  http::Socket& socket = *line.socket;
  if (auto* answer = std::get_if<app::Answer>(&notice.what)) {
    socket.emit("startResponse",
                {json::object{{"sdpAnswer", answer->sdp}, {"presentorId", answer->broadcast_id}}});
    std::exchange(line.pending,
                  {})({json::object{{"ok", true}, {"presentorId", answer->broadcast_id}}});
  } else if (auto* failed = std::get_if<app::Failed>(&notice.what)) {
    fail(line, std::exchange(line.pending, {}), failed->error);
  } else if (auto* closed = std::get_if<app::Closed>(&notice.what)) {
    fail(line, std::exchange(line.pending, {}), closed->error);
  } else if (std::holds_alternative<app::PresenterGone>(notice.what)) {
    socket.emit("presentorgone");
    const json::object what = {{"code", app::name_of(Code::kPublisherGone)},
                               {"message", app::message(Code::kPublisherGone, line.language)}};
    std::exchange(line.pending, {})({json::object{{"error", what}}});
  } else if (auto* entered = std::get_if<app::ViewerEntered>(&notice.what)) {
    socket.emit("message", {notice_message("viewer-entry", entered->user, entered->at)});
  } else if (auto* left = std::get_if<app::ViewerLeft>(&notice.what)) {
    socket.emit("message", {notice_message("viewer-leave", left->user, left->at)});
  }
}

}  // namespace loopcast::api
