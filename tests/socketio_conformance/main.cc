// A server for the protocol suites of Engine.IO and Socket.IO
// (https://github.com/socketio/engine.io-protocol, https://github.com/socketio/socket.io-protocol):
// --engine: an Engine.IO echo under /engine.io/; otherwise Socket.IO under /socket.io/.
// Prints "listening on PORT" when it is ready; --port 0 lets the system choose.
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <sys/random.h>

#include "http/server.h"
#include "http/socketio.h"
#include "http/static_files.h"

namespace loopcast::http {
namespace {

struct Arguments {
  uint16_t port = 3000;
  bool engine_only = false;
  bool eio3 = false;
  bool patient = false;
  std::string tls_certificate;
  std::string tls_key;
  std::string root;
};

std::optional<Arguments> parse(int argc, char** argv) {
  Arguments result;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (name == "--engine") {
      result.engine_only = true;
    } else if (name == "--eio3") {
      result.eio3 = true;
    } else if (name == "--patient") {
      result.patient = true;
    } else if (name == "--port" && !value.empty()) {
      const auto end = std::from_chars(value.data(), value.data() + value.size(), result.port);
      if (end.ec != std::errc() || *end.ptr != '\0') return std::nullopt;
      ++i;
    } else if (name == "--tls-certificate") {
      result.tls_certificate = value;
      ++i;
    } else if (name == "--tls-key") {
      result.tls_key = value;
      ++i;
    } else if (name == "--root") {
      result.root = value;
      ++i;
    } else {
      return std::nullopt;
    }
  }
  return result;
}

class Echo final : public EngineHandler {
  void on_open(const std::shared_ptr<EngineSocket>&) override {}
  void on_message(const std::shared_ptr<EngineSocket>& socket, std::string data,
                  bool binary) override {
    socket->send(std::move(data), binary);
  }
  void on_close(const std::shared_ptr<EngineSocket>&, std::string_view) override {}
};

NamespaceHandlers handlers() {
  NamespaceHandlers result;
  result.on_connect = [](SocketPtr socket) -> Task<> {
    boost::json::array args;
    args.push_back(socket->auth());
    socket->emit("auth", std::move(args));
    co_return;
  };
  result.on_event = [](SocketPtr socket, Event event) -> Task<> {
    if (event.name == "message")
      socket->emit("message-back", std::move(event.args), std::move(event.attachments));
    else if (event.name == "message-with-ack")
      event.ack(std::move(event.args), std::move(event.attachments));
    else if (event.name == "fail")
      socket->error(boost::json::object{{"message", "as you asked"}});
    else if (event.name == "kick")
      socket->disconnect();
    co_return;
  };
  return result;
}

EngineOptions engine_options(const Arguments& arguments) {
  EngineOptions options;
  options.path = arguments.engine_only ? "/engine.io" : "/socket.io";
  options.ping_interval = std::chrono::milliseconds(arguments.patient ? 25'000 : 300);
  options.ping_timeout = std::chrono::milliseconds(arguments.patient ? 20'000 : 200);
  options.max_payload = 1'000'000;
  options.allow_eio3 = arguments.eio3;
  options.cors_origins = {"*"};
  // A suite's listener takes one message and is then hung up anew, which takes it a turn of its
  // loop.
  options.frame_gap = std::chrono::milliseconds(5);
  return options;
}

std::optional<Random> seeded_random() {
  Random::Seed seed;
  if (getrandom(seed.data(), seed.size(), 0) != static_cast<ssize_t>(seed.size()))
    return std::nullopt;
  return Random(seed);
}

// The counters, for tests that look for leaks.
Handler counters_handler(const HttpCounters& counters) {
  return [&counters](Request) -> Task<Response> {
    const boost::json::object numbers{{"connections", counters.connections},
                                      {"websockets", counters.websockets},
                                      {"sessions", counters.engine_sessions},
                                      {"sockets", counters.sockets},
                                      {"overflows", counters.engine_queue_overflows}};
    co_return Response::json(numbers);
  };
}

int serve(const Arguments& arguments) {
  auto random = seeded_random();
  if (!random) return 1;
  HttpCounters counters;
  Router router;
  asio::io_context context(1);
  router.add("GET", "/counters", counters_handler(counters));
  std::unique_ptr<StaticFiles> files;
  if (!arguments.root.empty()) {
    StaticOptions options;
    options.root = arguments.root;
    files = std::make_unique<StaticFiles>(std::move(options));
    router.set_fallback(
        [&files](Request request) -> Task<Response> { co_return files->handle(request); });
  }

  ServerOptions options;
  const bool tls = !arguments.tls_certificate.empty();
  options.listen = {{{IpAddress::v4(127, 0, 0, 1), arguments.port}, tls}};
  // The suites ask for "localhost", which may be either.
  if (arguments.port != 0 && std::filesystem::exists("/proc/net/if_inet6"))
    options.listen.push_back({{*IpAddress::parse("::1"), arguments.port}, tls});
  options.tls_certificate = arguments.tls_certificate;
  options.tls_key = arguments.tls_key;
  options.log = [](std::string_view what) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(what.size()), what.data());
  };
  Server server(context, router, options, counters);

  Echo echo;
  std::optional<EngineIo> engine;
  std::optional<SocketIo> socketio;
  if (arguments.engine_only) {
    engine.emplace(context, *random, engine_options(arguments), echo, counters);
    server.mount(*engine);
  } else {
    SocketIoOptions socket_options;
    socket_options.engine = engine_options(arguments);
    socket_options.connect_timeout = std::chrono::milliseconds(1'000);
    socket_options.max_waiting_events = 100'000;
    socketio.emplace(context, *random, socket_options, counters);
    socketio->add_namespace("/", handlers());
    socketio->add_namespace("/custom", handlers());
    server.mount(socketio->engine());
  }
  if (const auto status = server.start(); !status) {
    std::fprintf(stderr, "%s\n", status.error().message.c_str());
    return 1;
  }
  std::printf("listening on %u\n", unsigned{server.addresses().front().address.port});
  std::fflush(stdout);

  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](error_code, int) {
    asio::co_spawn(context, server.stop(), [&](const std::exception_ptr&) { context.stop(); });
  });
  context.run();
  return 0;
}

}  // namespace
}  // namespace loopcast::http

int main(int argc, char** argv) {
  const auto arguments = loopcast::http::parse(argc, argv);
  if (!arguments) {
    std::fprintf(stderr,
                 "usage: socketio-conformance [--port N] [--engine] [--eio3] [--patient] "
                 "[--root FOLDER] [--tls-certificate FILE --tls-key FILE]\n");
    return 2;
  }
  return loopcast::http::serve(*arguments);
}
