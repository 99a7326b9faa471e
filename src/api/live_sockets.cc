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

namespace {

json::object notice_message(std::string_view type, const app::PublicUser& user, WallTime at) {
  return {{"type", type}, {"time", clock_time(at)}, {"from", to_json(user)}};
}

bool flag_member(const json::value& request, std::string_view name, bool otherwise) {
  const auto* object = request.if_object();
  const auto* member = object ? object->if_contains(name) : nullptr;
  return member && member->is_bool() ? member->as_bool() : otherwise;
}

// Only who is not signed in is told `autherror`, which makes pages of both generations forget their
// session. Every other failure (the database cannot answer, too many sockets) leaves the session as
// good as it was, and is an error like any other.
void refuse(http::Socket& socket, const Error& error) {
  const auto language = language_of(socket.header("accept-language"));
  json::object what{{"code", error.code}, {"message", app::message(error.code, language)}};
  if (error.code == app::name_of(Code::kUnauthorized))
    socket.emit("autherror", {std::move(what)});
  else
    socket.error(what);
  socket.disconnect();
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
  if (!user) co_return refuse(*socket, user.error());
  std::optional<Code> refusal;
  const auto opened = sockets_of_user_.find(user->id);
  if (opened != sockets_of_user_.end() && opened->second >= kMaxSocketsPerUser)
    refusal = Code::kTooManyStreams;
  else if (!socket->connected())
    co_return;
  else if (!socket->admit())
    refusal = Code::kServerFull;
  if (refusal) {
    const Error error = make_error(*refusal);
    sign_in_.audit().write({.what = "refusal",
                            .result = error,
                            .origin = {socket->remote().ip},
                            .user_id = user->id,
                            .nickname = user->nickname,
                            .detail = "socket"});
    co_return refuse(*socket, error);
  }
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
  calls_.closed(*line);
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
    refuse(*line->socket, make_error(Code::kUnauthorized));
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
    co_await create_presenter(*line, request, event.ack);
  } else if (event.name == "createViewer") {
    create_viewer(*line, request, event.ack);
  } else if (event.name == "onIceCandidate") {
    add_candidate(*line, request);
  } else if (event.name == "mediastate") {
    live_.set_sending(line->client, flag_member(request, "sound", true),
                      flag_member(request, "picture", true));
    event.ack({json::object{{"ok", true}}});
  } else if (event.name == "stopPresentor" || event.name == "stopViewer" || event.name == "stop") {
    live_.stop(line->client);
    // Also one that was lost before, maybe on another socket of the page, whoever has noticed it.
    if (const auto named = text_member(request, "presentorId")) {
      live_.stop_broadcast(line->user.id, *named);
      library_.give_up(line->user.id, *named);
    } else {
      live_.give_up(line->user.id, line->presented);
      library_.give_up(line->user.id, line->presented);
    }
    calls_.presenting_ended(*line, app::PresentingEnd::kStopped);
    line->pending = {};
    event.ack({json::object{{"ok", true}}});
    // A first-generation page that leaves a broadcast never closes the socket that it watched with.
    if (event.name == "stopViewer" || !line->presenter_id.empty()) socket->disconnect();
  } else {
    const bool known = co_await calls_.handle(*line, event, request);
    if (!known) line->fail(event.ack, make_error(Code::kBadRequest));
  }
}

template <typename Start>
void LiveSockets::negotiate(Line& line, const json::value& request, Ack ack, Start start) {
  auto offer = text_member(request, "sdpOffer");
  if (!offer) return line.fail(ack, make_error(Code::kBadRequest));
  const Ack waiting = std::exchange(line.pending, std::move(ack));
  start(std::move(*offer));
  // An earlier offer still waits, so that this one has been refused: the answer is the other's.
  if (waiting.wanted()) line.pending = waiting;
}

Task<> LiveSockets::create_presenter(Line& line, const json::value& request, Ack ack) {
  // Before anybody is called.
  if (!text_member(request, "sdpOffer")) {
    line.fail(ack, make_error(Code::kBadRequest));
    co_return;
  }
  if (const Status may = live_.may_present(sign_in_.now(), line.user.id); !may) {
    note_limit(line, may.error(), "createPresentor");
    line.fail(ack, may.error());
    co_return;
  }
  const auto* record = request.as_object().if_contains("record");
  app::PresentOptions options;
  options.record = !record || !record->is_bool() || record->as_bool();
  const auto invite = text_member(request, "invite");
  line.call_id.clear();
  // A call to nobody is no broadcast for everybody.
  if (invite && !(invite->empty() && options.record)) {
    const auto permit = co_await calls_.dial(line, *invite);
    if (!permit) {
      calls_.refuse_dial(line, ack, permit.error());
      co_return;
    }
    options.visible_to = permit->visible_to;
  } else {
    const auto permit = calls_.join(line, request);
    if (!permit) {
      line.fail(ack, permit.error());
      co_return;
    }
    if (*permit) options.visible_to = (*permit)->visible_to;
  }
  // What is said in a call is kept only if both agree, which is another matter.
  if (options.visible_to) options.record = false;
  options.replaces = text_member(request, "replaces").value_or("");
  // Pages of the second generation come back by themselves, and say what they go on with.
  options.comes_back = !line.first_generation();
  negotiate(line, request, std::move(ack), [&](std::string offer) {
    options.offer = std::move(offer);
    options.address = line.socket->remote().ip;
    live_.present(line.client, line.user, std::move(options));
  });
}

void LiveSockets::create_viewer(Line& line, const json::value& request, Ack ack) {
  negotiate(line, request, std::move(ack), [&](std::string offer) {
    live_.watch(line.client, line.user, line.presenter_id,
                {std::move(offer), flag_member(request, "follow", false)});
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
    json::object response{{"sdpAnswer", answer->sdp}, {"presentorId", answer->broadcast_id}};
    json::object done{{"ok", true}, {"presentorId", answer->broadcast_id}};
    if (!line.call_id.empty()) {
      response["callId"] = line.call_id;
      done["callId"] = line.call_id;
    }
    if (!answer->replaces.empty()) {
      response["replaces"] = answer->replaces;
      done["replaces"] = answer->replaces;
    }
    // From then on such a page is told who comes and goes.
    if (!answer->presenter && !line.first_generation()) {
      json::array watching;
      for (const auto& user : answer->watching) watching.push_back(to_json(user));
      response["watching"] = std::move(watching);
    }
    socket.emit("startResponse", {std::move(response)});
    std::exchange(line.pending, {})({std::move(done)});
    if (!answer->presenter) return;
    line.presented = answer->broadcast_id;
    calls_.on_air(line, answer->broadcast_id);
  } else if (auto* failed = std::get_if<app::Failed>(&notice.what)) {
    on_failure(line, failed->error, app::PresentingEnd::kRefused);
  } else if (auto* closed = std::get_if<app::Closed>(&notice.what)) {
    on_closed(line, *closed);
  } else if (std::holds_alternative<app::PresenterGone>(notice.what)) {
    socket.emit("presentorgone");
    const json::object what = line.describe(make_error(Code::kPublisherGone));
    std::exchange(line.pending, {})({json::object{{"error", what}}});
  } else if (const auto* sends = std::get_if<app::PresenterSends>(&notice.what)) {
    socket.emit("mediastate", {json::object{{"sound", sends->what.sound},
                                            {"picture", sends->what.picture},
                                            {"heard", sends->what.heard}}});
  } else if (std::holds_alternative<app::PresenterAway>(notice.what)) {
    socket.emit("presenteraway");
    std::exchange(line.pending, {})({json::object{{"ok", true}, {"away", true}}});
  } else if (const auto* back = std::get_if<app::PresenterBack>(&notice.what)) {
    socket.emit("presenterback", {json::object{{"presentorId", back->broadcast_id}}});
  } else if (auto* entered = std::get_if<app::ViewerEntered>(&notice.what)) {
    socket.emit("message", {notice_message("viewer-entry", entered->user, entered->at)});
    calls_.viewer_entered(line, entered->user);
  } else if (auto* left = std::get_if<app::ViewerLeft>(&notice.what)) {
    socket.emit("message", {notice_message("viewer-leave", left->user, left->at)});
  }
}

void LiveSockets::on_closed(Line& line, const app::Closed& closed) {
  if (!closed.goodbye) return on_failure(line, closed.error, app::PresentingEnd::kLost);
  // Who has ended it need not be told; who still waits for an answer gets none.
  std::exchange(line.pending, {})({json::object{{"error", line.describe(closed.error)}}});
  // A page of the first generation hangs up so. One of the second says what it means besides, and
  // may be one that is loaded again.
  calls_.presenting_ended(
      line, line.first_generation() ? app::PresentingEnd::kStopped : app::PresentingEnd::kLeft);
}

void LiveSockets::on_failure(Line& line, const Error& error, app::PresentingEnd how) {
  note_limit(line, error, line.presenter_id.empty() ? "createPresentor" : "createViewer");
  line.fail(std::exchange(line.pending, {}), error);
  calls_.presenting_ended(line, how);
}

void LiveSockets::note_limit(const Line& line, const Error& error, std::string_view event) {
  if (is_limit(error)) sign_in_.audit().write(line.refusal(error, event));
}

}  // namespace loopcast::api
