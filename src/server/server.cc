#include "server/server.h"

#include <algorithm>
#include <csignal>
#include <exception>
#include <filesystem>
#include <system_error>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>
#include <sodium/core.h>
#include <sodium/randombytes.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/account_changes.h"
#include "api/call_events.h"
#include "api/call_history.h"
#include "api/library.h"
#include "api/live.h"
#include "api/live_sockets.h"
#include "api/present.h"
#include "api/rest_accounts.h"
#include "api/rest_calls.h"
#include "api/rest_recordings.h"
#include "api/rest_v1.h"
#include "api/rest_v2.h"
#include "api/sign_in.h"
#include "api/whip.h"
#include "app/accounts.h"
#include "app/argon2.h"
#include "app/broadcasts.h"
#include "app/calls.h"
#include "app/presence.h"
#include "app/rate_limiter.h"
#include "app/recordings.h"
#include "http/known_tokens.h"
#include "http/router.h"
#include "http/server.h"
#include "http/socketio.h"
#include "http/static_files.h"
#include "net/clock.h"
#include "server/access_log.h"
#include "server/geoip.h"
#include "server/http_setup.h"
#include "server/job_thread.h"
#include "server/log_file.h"
#include "server/media_hub.h"
#include "server/metrics.h"
#include "server/part_options.h"
#include "server/pool_report.h"
#include "server/recorded_size.h"
#include "server/recording_hub.h"
#include "server/sprites.h"
#include "store/sqlite_store.h"

namespace loopcast::server {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using http::Request;
using http::Response;
using http::Task;

constexpr std::chrono::hours kHousekeeping{1};
// Often enough that a disk that fills up does not overtake it.
constexpr std::chrono::minutes kRetentionRound{5};
// Often enough that who fills the disk is stopped before it matters.
constexpr std::chrono::seconds kQuotaRound{5};
// So that one round of housekeeping holds up no login.
constexpr uint32_t kSessionsPerRound = 1000;
// Argon2id takes 19 MiB and 40 ms each; more at once would take the cores from media.
constexpr size_t kHashingThreads = 1;
// The worst picture takes 160 MB while it is decoded: one after the other.
constexpr size_t kPictureThreads = 1;
// Signing in takes one message after the handshake; on a bad line a few round trips.
constexpr std::chrono::seconds kSignInTime{15};
// Sessions of Socket.IO that a host may open: a school behind one address comes back all at once
// after a restart, and then page by page.
constexpr app::RateLimit kHandshakes{1'000, Duration::millis(20)};
constexpr size_t kHandshakeHosts = 16'384;
constexpr size_t kKnownTokens = 65'536;
constexpr Duration kTokenKnown = Duration::seconds(1'800);

Random::Seed system_seed() {
  Random::Seed seed;
  randombytes_buf(seed.data(), seed.size());
  return seed;
}

spdlog::level::level_enum level_of(const std::string& name) {
  return spdlog::level::from_str(name == "warning" ? "warn" : name == "error" ? "err" : name);
}

// Descriptors for 10,000 connections and more.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// `name`: "data folder"; `option`: the one that names it.
Status make_folder(const std::string& path, const char* name, const char* option) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error || ::access(path.c_str(), W_OK) != 0) {
    return Error{"folder", fmt::format("The {} {} cannot be written. Name another with {}, or give "
                                       "this user the right to write there.",
                                       name, path, option)};
  }
  // Passwords' hashes, private keys and private recordings are nobody else's.
  ::chmod(path.c_str(), 0700);
  return ok();
}

}  // namespace

// Members are made from top to bottom and go in the opposite order.
class Server {
 public:
  explicit Server(const Options& options)
      : options_(options),
        random_(system_seed()),
        media_(context_, media_options(options), random_),
        broadcasts_(media_, broadcast_limits(options), random_.fork()),
        live_(
            context_, broadcasts_,
            [] {
              return app::Moment{net::now(), net::wall_now()};
            },
            random_.fork()),
        calls_(presence_, call_limits(), random_.fork()) {}

  Status start() {
    if (auto made = make_folder(options_.data, "data folder", "--data"); !made) return made;
    if (auto made = make_folder(options_.recordings, "folder of recordings", "--recordings"); !made)
      return made;
    if (!options_.geoip.empty()) {
      auto opened = GeoIp::open(options_.geoip);
      if (!opened) return opened.error();
      geoip_ = std::move(*opened);
    }
    auto store = store::SqliteStore::open((fs::path(options_.data) / "loopcast.db").string());
    if (!store) return store.error();
    store_ = std::move(*store);
    accounts_ = std::make_unique<app::Accounts>(*store_, hasher_, random_.fork());
    if (auto opened = open_audit_log(); !opened) return opened;
    sign_in_ = std::make_unique<api::SignIn>(*accounts_, hasher_, database_, hashing_, clocks(),
                                             login_limits(options_), *audit_, random_.fork());
    sign_in_->on_sessions_ended([this](const api::EndedSessions& ended) { end_sessions(ended); });
    changes_ = std::make_unique<api::AccountChanges>(*sign_in_, *accounts_, database_, pictures_,
                                                     clocks(), account_hooks(), random_.fork());
    library_ =
        std::make_unique<api::Library>(context_, store_->recordings(), recordings_, database_,
                                       library_options(options_), library_ports());
    recorder_.start([this](app::RecorderEvent e) { library_->handle(std::move(e)); });
    app::LinkKey key{};
    random_.fill(key);
    if (auto ready = library_->start(key); !ready) return ready;
    live_.add_air_sink([this](app::AirChange& change) { library_->air_changed(change); });
    call_history_ =
        std::make_unique<api::CallHistory>(store_->calls(), presence_, database_, random_.fork());
    const api::CallEvents::Parts parts{
        *sign_in_,      live_,
        presence_,      calls_,
        *call_history_, [this](const app::RecordBroadcast& call) {
                                         library_->record_call(call); }};
    call_events_ = std::make_unique<api::CallEvents>(context_, parts, clocks());
    auto started = media_.start([this](app::MediaEvent event) { live_.handle(std::move(event)); });
    if (!started) return started;
    return start_http();
  }

  void run() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      // A second signal ends at once what this one does not, whatever hangs.
      boost::system::error_code ignored;
      signals_.clear(ignored);
      asio::co_spawn(context_, stop(), asio::detached);
    });
    reload_on_hangup();
    asio::co_spawn(context_, keep_house(), asio::detached);
    asio::co_spawn(context_, keep_space(), asio::detached);
    asio::co_spawn(context_, keep_quotas(), asio::detached);
    announce_addresses();
    // What the control thread throws is the end: it may have left a step half done, and what all
    // else is decided by is not to be trusted then. Threads and recordings end in order all the
    // same, before the next start goes on with them.
    std::exception_ptr failure;
    try {
      context_.run();
    } catch (const std::exception& e) {
      spdlog::critical("stopping: {}", e.what());
      failure = std::current_exception();
      recorder_.give_up();
    }
    media_.stop();
    recorder_.stop();
    database_.join();
    hashing_.join();
    pictures_.join();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  api::AccountChanges::Hooks account_hooks() {
    api::AccountChanges::Hooks hooks;
    hooks.sessions_ended = [this](const api::EndedSessions& ended) { end_sessions(ended); };
    hooks.user_changed = [this](const app::PublicUser& user) {
      sockets_->update_user(user);
      call_events_->update_user(user);
    };
    hooks.user_removed = [this](const std::string&) {
      asio::co_spawn(context_, library_->remove_marked(), asio::detached);
    };
    return hooks;
  }

  void end_sessions(const api::EndedSessions& ended) {
    sockets_->end_sessions(ended);
    whip_->end_sessions(ended);
  }

  // A file of its own, or lines of the ordinary log.
  Status open_audit_log() {
    api::AuditLog::Sink sink = [](const std::string& line) {
      spdlog::info("audit: {}", line);
      return true;
    };
    if (!options_.audit_log.empty()) {
      if (auto opened = audit_file_.open(options_.audit_log); !opened)
        return Error{"audit_log", "The audit log " + opened.error().message};
      sink = [this](const std::string& line) { return audit_file_.write(line); };
    }
    audit_ = std::make_unique<api::AuditLog>(
        std::move(sink),
        api::AuditLog::Clocks{[] { return net::now(); }, [] { return net::wall_now(); }},
        random_.fork());
    return ok();
  }

  static api::SignIn::Clocks clocks() {
    return {[] { return net::now(); }, [] { return net::wall_now(); }};
  }

  api::LibraryPorts library_ports() {
    api::LibraryPorts ports;
    ports.now = [] { return net::now(); };
    ports.wall_now = [] { return net::wall_now(); };
    ports.locate = [this](const IpAddress& address) { return geoip_.locate(address); };
    ports.read_sprites = [this](const std::string& id) {
      return read_sprites(options_.recordings, id);
    };
    ports.written = [this](const std::string& id) {
      return recorded_so_far(options_.recordings, id);
    };
    ports.session_holds = [this](const app::LinkHolder& holder) {
      return accounts_->session_holds(net::wall_now(), holder.user_id, holder.session);
    };
    ports.tell = [this](const app::RecordingNotice& notice) {
      if (sockets_) sockets_->tell(notice);
    };
    ports.audit = [this](const api::AuditEntry& entry) { audit_->write(entry); };
    ports.log = [](const std::string& text) { spdlog::error("{}", text); };
    ports.log_expired = [](const std::string& text) { spdlog::info("{}", text); };
    return ports;
  }

  Status start_http() {
    auto made = http_options(options_, announced(options_));
    if (!made) return made.error();
    http::ServerOptions http = std::move(*made);
    http.log = [](std::string_view text) { spdlog::warn("http: {}", text); };
    http.knows_token = [this](std::string_view token) {
      return known_tokens_.contains(net::now(), token);
    };
    http.authenticate = [this](const Request& head, std::string token) {
      return refuse_stranger(head, std::move(token));
    };
    sign_in_->on_authenticated(
        [this](std::string_view token) { known_tokens_.remember(net::now(), token); });
    if (!options_.access_log.empty()) {
      if (auto opened = access_log_.open(options_.access_log); !opened) return opened;
      http.access_log = [this](const http::AccessEntry& entry) {
        if (!access_log_.write(net::wall_now(), entry)) ++counters_.access_lines_left_out;
      };
    }

    http::SocketIoOptions socketio;
    socketio.engine.path = "/socket.io/webrtc";
    // A dead network is noticed within the sum of both.
    socketio.engine.ping_interval = std::chrono::seconds(10);
    socketio.engine.ping_timeout = std::chrono::seconds(10);
    socketio.engine.sign_in = true;
    // As many as connections: pages of one address come back at once after a restart.
    socketio.engine.max_strangers_per_host = options_.max_connections_per_ip;
    socketio.engine.max_sessions = max_users(options_);
    socketio.engine.handshake_limit = [this](const IpAddress& from) -> std::optional<Duration> {
      const auto decision = handshakes_.take(net::now(), from);
      if (decision.allowed) return std::nullopt;
      audit_->write({.what = "refusal",
                     .result = app::make_error(app::Code::kRateLimited),
                     .origin = {from},
                     .detail = "socket handshake"});
      return decision.retry_after;
    };
    socketio.connect_timeout = kSignInTime;
    socketio.log = [](std::string_view text) { spdlog::warn("socket.io: {}", text); };
    socketio_ = std::make_unique<http::SocketIo>(context_, random_, std::move(socketio), counters_);
    sockets_ = std::make_unique<api::LiveSockets>(*sign_in_, live_, *call_events_, *library_);
    sockets_->mount(*socketio_);
    whip_ = std::make_unique<api::Whip>(context_, *sign_in_, live_, *library_, random_);

    add_routes();
    http_ = std::make_unique<http::Server>(context_, router_, std::move(http), counters_);
    http_->mount(socketio_->engine());
    if (auto started = http_->start(); !started) return started;
    return start_metrics();
  }

  // Whether the token is good, and what to answer if not.
  Task<std::optional<Response>> refuse_stranger(const Request& head, std::string token) {
    const auto user = co_await sign_in_->authenticate(std::move(token));
    if (user) co_return std::nullopt;
    co_return api::problem(head, user.error());
  }

  // An address of their own: whoever reaches it may read them.
  Status start_metrics() {
    if (!options_.metrics) return ok();
    metrics_router_.add("GET", "/metrics", [this](const Request&) { return metrics_answer(); });
    http::ServerOptions http;
    http.listen = {{*options_.metrics, false, false}};
    metrics_http_ = std::make_unique<http::Server>(context_, metrics_router_, std::move(http),
                                                   metrics_counters_);
    return metrics_http_->start();
  }

  void add_routes() {
    api::add_rest_v1(router_, *sign_in_, live_, *library_);
    api::add_rest_v2(router_, *sign_in_, live_);
    api::add_rest_accounts(router_, *sign_in_, *changes_);
    api::add_rest_calls(router_, *sign_in_, *call_history_, *call_events_,
                        [] { return net::wall_now(); });
    api::add_rest_recordings(router_, *sign_in_, *library_, options_.recordings);
    whip_->add_routes(router_);
    router_.add("GET", "/healthz", [this](const Request&) { return show_health(); });
    router_.add("GET", "/metrics",
                [this](Request request) { return show_metrics(std::move(request)); });
    router_.set_wording([](std::string_view code, std::string_view accept_language) {
      return std::string(app::message(code, api::language_of(accept_language)));
    });
    router_.set_observer([this](const Request& request, const Response& response) {
      if (const auto refusal = api::refusal_of(request, response)) audit_->write(*refusal);
    });
    // Files too: links to them are signed, and pictures are as public as names.
    for (const char* prefix : {"/whip", "/whep", "/api/", "/media/", "/avatars/"})
      router_.add_cors({prefix, {"*"}});
    // Tokens, and links that need none.
    router_.add_default("/api/", "Cache-Control", "no-store");
    if (options_.web.empty()) {
      spdlog::warn("No web app was found: build it or name its folder with --web");
      return;
    }
    router_.set_fallback(
        [web = http::StaticFiles(web_options(options_))](Request request) -> Task<Response> {
          return serve_static(web, std::move(request));
        });
  }

  static Task<Response> serve_static(const http::StaticFiles& files, Request request) {
    Response response = files.handle(request);
    if (response.status == 404)
      co_return api::problem(request, app::make_error(app::Code::kNotFound));
    co_return response;
  }

  Task<Response> show_health() {
    if (library_->failing()) co_return Response::text("the database cannot be written\n", 503);
    co_return Response::text("ok\n");
  }

  // For a collector on this machine. Through a proxy everybody would look local.
  Task<Response> show_metrics(Request request) {
    if (options_.metrics || !is_local(request))
      co_return api::problem(request, app::make_error(app::Code::kForbidden));
    co_return co_await metrics_answer();
  }

  Task<Response> metrics_answer() {
    auto response = Response::text(metrics_text(live_, counters_, http_->strangers(), *sign_in_,
                                                *changes_, media_, *library_, recorder_, presence_,
                                                calls_, *call_history_));
    response.set("content-type", "text/plain; version=0.0.4");
    co_return response;
  }

  void announce_addresses() {
    const auto ips = announced(options_);
    const auto host = [&](const SocketAddress& bound) {
      const IpAddress ip = !bound.ip.is_unspecified() || ips.empty() ? bound.ip : ips.front();
      return SocketAddress{ip, bound.port}.to_string();
    };
    for (const wire::Candidate& c : media_.candidates_of(0))
      spdlog::info("media: {}", wire::write_candidate(c));
    spdlog::info("media: {} worker(s), {}", options_.workers, media_.crypto_name());
    bool told[2] = {};
    for (const auto& [address, tls, optional] : http_->addresses()) {
      const bool here = !tls && (address.ip.is_loopback() || address.ip.is_unspecified());
      if (!tls && !address.ip.is_loopback() && options_.trusted_proxies.empty())
        spdlog::warn(
            "Passwords that are sent to http://{} can be read on the way: use HTTPS, or "
            "name the proxy before it with --trusted-proxy",
            address.to_string());
      if (std::exchange(told[tls], true)) continue;
      if (here)
        spdlog::info("Loopcast is ready: http://localhost:{} on this machine", address.port);
      else
        spdlog::info("Loopcast is ready: http{}://{} from everywhere", tls ? "s" : "",
                     host(address));
    }
  }

  void reload_on_hangup() {
    hangup_.async_wait([this](const boost::system::error_code& error, int) {
      if (error || stopping_) return;
      if (const auto reloaded = http_->reload_tls(); !reloaded)
        spdlog::error("certificate: {}", reloaded.error().message);
      else
        spdlog::info("certificate: read again");
      // What rotates logs has moved the files.
      if (!options_.access_log.empty()) access_log_.reopen();
      if (!options_.audit_log.empty()) audit_file_.reopen();
      reload_on_hangup();
    });
  }

  Task<> keep_house() {
    for (;;) {
      auto work = [this] {
        return accounts_->remove_expired_sessions(net::wall_now(), kSessionsPerRound);
      };
      const auto removed = co_await http::offload(database_, std::move(work));
      if (!removed) spdlog::error("database: {}", removed.error().message);
      // A socket or a stream does not outlive its session.
      if (removed)
        for (const app::Session& session : *removed)
          end_sessions({session.user_id, session.token_hash, std::nullopt});
      look_after_certificate();
      if (stopping_) co_return;
      housekeeping_.expires_after(kHousekeeping);
      boost::system::error_code cancelled;
      co_await housekeeping_.async_wait(asio::redirect_error(http::use_task, cancelled));
      if (cancelled) co_return;
    }
  }

  // One of our own ends, and the addresses of the machine change.
  void look_after_certificate() {
    if (std::ranges::none_of(options_.listen, &http::ListenAddress::tls)) return;
    const auto renewed = renew_certificate(options_, announced(options_));
    if (!renewed) {
      spdlog::error("certificate: {}", renewed.error().message);
    } else if (*renewed) {
      if (const auto reloaded = http_->reload_tls(); !reloaded)
        spdlog::error("certificate: {}", reloaded.error().message);
      else
        spdlog::info("certificate: made again");
    }
  }

  Task<> keep_space() {
    for (;;) {
      co_await library_->expire();
      if (stopping_) co_return;
      retention_.expires_after(kRetentionRound);
      boost::system::error_code cancelled;
      co_await retention_.async_wait(asio::redirect_error(http::use_task, cancelled));
      if (cancelled) co_return;
    }
  }

  Task<> keep_quotas() {
    for (;;) {
      co_await library_->check_quotas();
      if (stopping_) co_return;
      quotas_.expires_after(kQuotaRound);
      boost::system::error_code cancelled;
      co_await quotas_.async_wait(asio::redirect_error(http::use_task, cancelled));
      if (cancelled) co_return;
    }
  }

  Task<> stop() {
    spdlog::info("stopping");
    stopping_ = true;
    call_events_->shutdown();
    whip_->shutdown();
    live_.shutdown();
    library_->shutdown();
    co_await http_->stop();
    if (metrics_http_) co_await metrics_http_->stop();
    co_await library_->settle();
    boost::system::error_code ignored;
    signals_.cancel(ignored);
    hangup_.cancel(ignored);
    housekeeping_.cancel();
    retention_.cancel();
    quotas_.cancel();
    recorder_.give_up();
    media_.stop();
  }

  const Options options_;
  asio::io_context context_{1};
  asio::signal_set signals_{context_, SIGTERM, SIGINT};
  asio::signal_set hangup_{context_, SIGHUP};
  http::Timer housekeeping_{context_};
  http::Timer retention_{context_};
  http::Timer quotas_{context_};
  bool stopping_ = false;
  Random random_;
  MediaHub media_;
  app::Broadcasts broadcasts_;
  api::Live live_;
  app::Presence presence_;
  app::Calls calls_;
  app::Argon2 hasher_;
  GeoIp geoip_;
  RecordingHub recorder_{context_, media_, {options_.recordings, options_.recording_disk_floor}};
  app::Recordings recordings_{recorder_, random_.fork()};
  std::unique_ptr<store::SqliteStore> store_;
  std::unique_ptr<app::Accounts> accounts_;
  http::Pool database_{1, report_of("database")};
  http::Pool hashing_{kHashingThreads, report_of("hashing")};
  http::Pool pictures_{kPictureThreads, report_of("pictures")};
  JobThread logs_{"logs", Priority::kNormal};
  LogFile audit_file_{logs_};
  AccessLog access_log_{logs_, random_};
  std::unique_ptr<api::AuditLog> audit_;
  std::unique_ptr<api::SignIn> sign_in_;
  std::unique_ptr<api::AccountChanges> changes_;
  std::unique_ptr<api::Library> library_;
  std::unique_ptr<api::CallHistory> call_history_;
  std::unique_ptr<api::CallEvents> call_events_;
  http::HttpCounters counters_;
  http::Router router_;
  std::unique_ptr<http::SocketIo> socketio_;
  std::unique_ptr<api::LiveSockets> sockets_;
  std::unique_ptr<api::Whip> whip_;
  http::KnownTokens known_tokens_{kKnownTokens, kTokenKnown, random_.fork()};
  app::AddressLimiter handshakes_{kHandshakes, kHandshakeHosts, random_.fork()};
  std::unique_ptr<http::Server> http_;
  http::HttpCounters metrics_counters_;
  http::Router metrics_router_;
  std::unique_ptr<http::Server> metrics_http_;
};

Status run(const Options& options) {
  if (sodium_init() < 0) return Error{"crypto", "libsodium does not start."};
  spdlog::set_level(level_of(options.log_level));
  std::signal(SIGPIPE, SIG_IGN);
  // Whatever the umask that it was started with: files are nobody else's.
  ::umask(0077);
  raise_descriptor_limit();
  Server server(options);
  if (auto started = server.start(); !started) return started;
  server.run();
  spdlog::info("stopped");
  return ok();
}

}  // namespace loopcast::server
