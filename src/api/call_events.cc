#include "api/call_events.h"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "api/call_json.h"
#include "api/present.h"
#include "api/pumping.h"
#include "http/clock.h"

namespace loopcast::api {

using app::Code;
using app::make_error;
using http::Ack;
using http::Task;
namespace asio = http::asio;
namespace json = boost::json;

namespace {

std::string nickname_of_from(const json::value& request) {
  const auto* object = request.if_object();
  const auto* from = object ? object->if_contains("from") : nullptr;
  return from ? text_member(*from, "nickname").value_or("") : "";
}

std::string call_of(const json::value& request) {
  return text_member(request, "callId").value_or("");
}

bool is(const json::value& request, std::string_view name, bool value) {
  const auto* object = request.if_object();
  const auto* member = object ? object->if_contains(name) : nullptr;
  return member && member->is_bool() && member->as_bool() == value;
}
bool is_false(const json::value& request, std::string_view name) {
  return is(request, name, false);
}
bool is_true(const json::value& request, std::string_view name) { return is(request, name, true); }

}  // namespace

CallEvents::CallEvents(asio::io_context& context, const Parts& parts, SignIn::Clocks clocks)
    : context_(context), parts_(parts), clocks_(std::move(clocks)), timer_(context) {
  parts_.live.add_air_sink([this](const app::AirChange& change) { air_changed(change); });
}

// Offers that belong to a call.

Task<Expected<app::CallPermit>> CallEvents::dial(LiveLine& line, std::string nickname,
                                                 std::string on_air) {
  if (const auto allowed = parts_.calls.may_dial(clocks_.now(), line.user.id); !allowed)
    co_return allowed.error();
  // Found by what is written down, so that it is the same work for who is here and who is not.
  const auto found = co_await parts_.sign_in.find_user_by_nickname(std::move(nickname));
  if (!found && found.error().code == app::name_of(Code::kStoreUnavailable))
    co_return found.error();
  // Asked of everybody, so that nobody learns from the time of an answer that he is blocked.
  Expected<bool> blocked = false;
  if (found) blocked = co_await parts_.history.blocks(found->id, line.user.id);
  if (!blocked) co_return blocked.error();
  // What was on air may have ended meanwhile.
  const auto presenting = presenting_.find(line.client);
  if (!on_air.empty() && (presenting == presenting_.end() || presenting->second != on_air))
    co_return make_error(Code::kNotActive);
  std::optional<app::PublicUser> callee;
  if (found) callee = app::public_user(*found);
  auto permit =
      parts_.calls.dial(now(), line.client, line.user, callee, line.device(), on_air, *blocked);
  if (permit) line.call_id = permit->call_id;
  pump();
  co_return permit;
}

void CallEvents::refuse_dial(LiveLine& line, const Ack& ack, const Error& error) {
  if (is_limit(error)) parts_.sign_in.audit().write(line.refusal(error, "call"));
  const json::object what = line.describe(error);
  const auto& lines = parts_.presence.lines_of(line.user.id);
  for (const auto& open : lines) {
    const LiveLine& to = *lines_.at(open.id);
    to.socket->emit("callerror", {to.describe(error)});
  }
  // Somebody has to hear of it.
  if (lines.empty()) line.socket->emit("callerror", {what});
  ack({json::object{{"error", what}}});
}

Expected<std::optional<app::CallPermit>> CallEvents::join(LiveLine& line,
                                                          const json::value& request) {
  const std::string call_id = call_of(request);
  const std::string kind = text_member(request, "kind").value_or("");
  if (kind == "public") return std::optional<app::CallPermit>();
  if (call_id.empty() && kind != "call") {
    // The pages of the first generation do not say which call they answer; but it is only in calls
    // that they do not want to be recorded.
    if (!line.first_generation() || !is_false(request, "record"))
      return std::optional<app::CallPermit>();
    if (!parts_.calls.in_call(line.user.id)) {
      // One that comes too late must not show to everybody what was meant for one.
      if (parts_.calls.just_ended(clocks_.now(), line.user.id))
        return make_error(Code::kCannotBeReached);
      return std::optional<app::CallPermit>();
    }
  }
  auto permit = parts_.calls.join(now(), line.client, line.user, line.device(), call_id);
  pump();
  if (!permit) return permit.error();
  line.call_id = permit->call_id;
  return std::optional(*permit);
}

void CallEvents::on_air(LiveLine& line, const std::string& broadcast_id) {
  presenting_[line.client] = broadcast_id;
  parts_.calls.on_air(now(), line.client, broadcast_id);
  pump();
}

void CallEvents::presenting_ended(LiveLine& line, app::PresentingEnd how) {
  if (how != app::PresentingEnd::kRefused) presenting_.erase(line.client);
  parts_.calls.presenting_ended(now(), line.client, how);
  pump();
}

void CallEvents::viewer_entered(LiveLine& line, const app::PublicUser& viewer) {
  parts_.calls.viewer_entered(now(), line.client, viewer.id);
  pump();
}

void CallEvents::update_user(const app::PublicUser& user) {
  parts_.presence.update(clocks_.now(), user);
  pump();
}

void CallEvents::closed(LiveLine& line) {
  lines_.erase(line.client);
  parts_.presence.close_line(clocks_.now(), line.client);
  presenting_ended(line, app::PresentingEnd::kLost);
}

// Events of the call line.

Task<bool> CallEvents::handle(LiveLine& line, const http::Event& event,
                              const json::value& request) {
  const std::string& name = event.name;
  app::Calls& calls = parts_.calls;
  if (name == "online") {
    co_await go_online(line, event.ack);
  } else if (name == "offline") {
    lines_.erase(line.client);
    parts_.presence.close_line(clocks_.now(), line.client);
    answer(line, event.ack, ok());
  } else if (name == "inviteViewer") {
    co_await invite_viewer(line, event.ack, request);
  } else if (name == "acceptcall") {
    answer(
        line, event.ack,
        calls.accept(now(), line.client, line.user, nickname_of_from(request), call_of(request)));
  } else if (name == "rejectcall") {
    answer(line, event.ack,
           calls.decline(now(), line.user, nickname_of_from(request), call_of(request)));
  } else if (name == "hangup") {
    answer(line, event.ack, calls.hang_up(now(), line.user, call_of(request)));
  } else if (name == "callmedia") {
    const app::Shown shown{!is_false(request, "microphone"), !is_false(request, "camera"),
                           is_true(request, "screen")};
    answer(line, event.ack, calls.show(now(), line.user, call_of(request), shown));
  } else if (name == "callrecording") {
    answer(line, event.ack,
           calls.agree_to_record(now(), line.user, call_of(request), is_true(request, "agree")));
  } else if (name == "seenmissed") {
    const auto seen = co_await parts_.history.see(line.user.id);
    answer(line, event.ack, seen);
    (void)co_await tell_missed(line.user.id);
  } else {
    co_return false;
  }
  co_return true;
}

// Refusals go to who asked for an acknowledgement only: a page that comes too late with an answer
// has done nothing wrong.
void CallEvents::answer(LiveLine& line, const Ack& ack, const Status& done) {
  pump();
  if (done)
    ack({json::object{{"ok", true}}});
  else
    ack({json::object{{"error", line.describe(done.error())}}});
}

Task<> CallEvents::go_online(LiveLine& line, const Ack& ack) {
  const bool known = parts_.presence.is_open(line.client);
  const app::CallLine opened{line.client, line.device()};
  if (!parts_.presence.open_line(clocks_.now(), line.user, opened)) {
    const Error error = make_error(Code::kTooManyStreams);
    parts_.sign_in.audit().write(line.refusal(error, "online"));
    line.fail(ack, error);
    co_return;
  }
  const json::object done{{"ok", true}, {"time", clocks_.wall_now().us / 1000}};
  if (known) {
    ack({done});
    co_return;
  }
  lines_[line.client] = &line;
  parts_.calls.line_opened(line.user, line.client);
  pump();
  ack({done});
  const auto count = co_await parts_.history.unseen(line.user.id);
  if (count) line.socket->emit("missed", {json::object{{"count", *count}}});
}

Task<> CallEvents::invite_viewer(LiveLine& line, const Ack& ack, const json::value& request) {
  const auto presenting = presenting_.find(line.client);
  if (presenting == presenting_.end()) {
    refuse_dial(line, ack, make_error(Code::kNotActive));
    co_return;
  }
  const std::string broadcast_id = presenting->second;
  const auto permit =
      co_await dial(line, text_member(request, "nickname").value_or(""), broadcast_id);
  if (!permit) co_return refuse_dial(line, ack, permit.error());
  ack({json::object{{"ok", true}, {"callId", permit->call_id}}});
}

Task<Expected<uint64_t>> CallEvents::tell_missed(std::string user_id) {
  const auto count = co_await parts_.history.unseen(user_id);
  if (count)
    for (const auto& line : parts_.presence.lines_of(user_id))
      lines_.at(line.id)->socket->emit("missed", {json::object{{"count", *count}}});
  co_return count;
}

Task<> CallEvents::remember(app::CallOver over) {
  const std::string callee = over.callee.id;
  const bool missed = !app::record_of(over, app::CallRole::kCallee).seen;
  const auto added = co_await parts_.history.add(std::move(over));
  if (added && missed) (void)co_await tell_missed(callee);
}

void CallEvents::air_changed(const app::AirChange& change) {
  if (!change.listed || change.awaited || change.was_off) return;
  if (change.on_air)
    parts_.presence.went_live(clocks_.now(), change.user);
  else
    parts_.presence.left_air(clocks_.now(), change.user.id);
  pump();
}

void CallEvents::shutdown() {
  stopping_ = true;
  timer_.cancel();
  parts_.calls.shutdown(now());
  pump();
}

// What comes back.

void CallEvents::pump() {
  // What a delivery leads to is delivered by the loop that is running.
  if (pumping_) return;
  const Pumping pumping(pumping_);
  std::string gone;
  while (parts_.presence.poll_unreachable(gone)) parts_.calls.unreachable(now(), gone);
  app::CallOutput output;
  while (parts_.calls.poll(output)) deliver(output);
  app::PresenceChange change;
  while (parts_.presence.poll_change(change)) deliver(change);
  arm_timer();
}

void CallEvents::deliver(app::CallOutput& output) {
  if (const auto* end = std::get_if<app::EndBroadcast>(&output)) {
    presenting_.erase(end->presenter);
    if (end->lost)
      parts_.live.lose(end->presenter);
    else
      parts_.live.stop(end->presenter);
    return;
  }
  if (const auto* record = std::get_if<app::RecordBroadcast>(&output)) {
    if (parts_.record) parts_.record(*record);
    return;
  }
  if (auto* over = std::get_if<app::CallOver>(&output)) {
    asio::co_spawn(context_, remember(std::move(*over)), asio::detached);
    return;
  }
  const auto& notice = std::get<app::CallNotice>(output);
  const auto found = lines_.find(notice.to);
  if (found == lines_.end()) return;
  const LiveLine& line = *found->second;
  http::Socket& socket = *line.socket;
  if (const auto* ringing = std::get_if<app::Ringing>(&notice.what)) {
    socket.emit("call", {json::object{{"from", to_json(ringing->from)},
                                      {"linkId", ringing->link_id},
                                      {"callId", ringing->call_id}}});
  } else if (const auto* accepted = std::get_if<app::Accepted>(&notice.what)) {
    socket.emit("callaccepted", {json::object{{"to", to_json(accepted->by)},
                                              {"linkId", accepted->link_id},
                                              {"callId", accepted->call_id}}});
  } else if (const auto* rejected = std::get_if<app::Rejected>(&notice.what)) {
    socket.emit("callrejected",
                {json::object{{"to", to_json(rejected->by)}, {"callId", rejected->call_id}}});
  } else if (const auto* failed = std::get_if<app::Unreachable>(&notice.what)) {
    json::object what = line.describe(make_error(failed->code));
    what["callId"] = failed->call_id;
    socket.emit("callerror", {std::move(what)});
  } else if (const auto* ended = std::get_if<app::Ended>(&notice.what)) {
    socket.emit("callended", {json::object{{"callId", ended->call_id},
                                           {"reason", name_of(ended->reason)},
                                           {"by", name_of(ended->by)},
                                           {"user", to_json(ended->other)}}});
  } else if (const auto* view = std::get_if<app::CallView>(&notice.what)) {
    socket.emit("callstate", {to_json(*view)});
  }
}

void CallEvents::deliver(const app::PresenceChange& change) {
  const json::object what{{"user", to_json(change.user)}, {"state", name_of(change.state)}};
  for (const auto& [id, line] : lines_) line->socket->emit("presence", {what});
}

void CallEvents::arm_timer() {
  const Instant at = std::min(parts_.calls.next_timeout(), parts_.presence.next_timeout());
  // A timer that is early looks again when it fires.
  if (at >= armed_ || stopping_) return;
  armed_ = at;
  timer_.expires_at(http::to_time_point(at));
  timer_.async_wait([this](const http::error_code& error) {
    if (error) return;
    armed_ = Instant::never();
    parts_.presence.handle_timeout(clocks_.now());
    parts_.calls.handle_timeout(now());
    pump();
  });
}

}  // namespace loopcast::api
