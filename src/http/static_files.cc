#include "http/static_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/conditions.h"
#include "http/range.h"

namespace loopcast::http {
namespace {

using std::string_view;

constexpr std::array<std::pair<string_view, string_view>, 28> kTypes = {{
    {"html", "text/html; charset=UTF-8"},
    {"js", "text/javascript; charset=UTF-8"},
    {"mjs", "text/javascript; charset=UTF-8"},
    {"css", "text/css; charset=UTF-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"webmanifest", "application/manifest+json"},
    {"txt", "text/plain; charset=UTF-8"},
    {"xml", "application/xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/x-icon"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"wasm", "application/wasm"},
    {"mp4", "video/mp4"},
    {"m4s", "video/iso.segment"},
    {"webm", "video/webm"},
    {"m3u8", "application/vnd.apple.mpegurl"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"pdf", "application/pdf"},
}};

// Closes it unless it was handed on.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void replace(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

bool is_regular(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

std::string hex(uint64_t value) {
  std::array<char, 16> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value, 16);
  return std::string(text.data(), result.ptr);
}

// Strong: the size and the time of the last change, to the nanosecond.
std::string etag_of(const struct stat& info) {
  const uint64_t nanoseconds =
      static_cast<uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000u + info.st_mtim.tv_nsec;
  return '"' + hex(nanoseconds) + '-' + hex(static_cast<uint64_t>(info.st_size)) + '"';
}

// The weight of an element such as "text/html;q=0.8"; its name goes to `name`. 1 without a weight,
// or with one that is none (RFC 9110, section 12.4.2).
double weight_of(string_view element, string_view& name) {
  const size_t semicolon = std::min(element.find(';'), element.size());
  name = trim(element.substr(0, semicolon));
  const string_view parameters = element.substr(semicolon);
  const size_t q = parameters.find("q=");
  if (q == string_view::npos) return 1;
  double weight = 1;
  const string_view digits = parameters.substr(q + 2);
  std::from_chars(digits.data(), digits.data() + digits.size(), weight);
  return weight;
}

// Whether the client takes this content coding: named, or as any other, and not with a weight of
// zero.
bool accepts_coding(string_view list, string_view coding) {
  bool any = false;
  while (!list.empty()) {
    string_view name;
    const double weight = weight_of(take_element(list), name);
    if (equals_ignoring_case(name, coding)) return weight > 0;
    if (name == "*") any = weight > 0;
  }
  return any;
}

// Whether the client takes HTML: who does not say what it takes does, and so does whoever does not
// refuse it by name or by leaving it out (RFC 9110, section 12.5.1).
bool takes_html(const Request& request) {
  if (!request.headers.has("accept")) return true;
  const std::string all = request.headers.list("accept");
  string_view list = all;
  // The most precise range decides.
  int precision = -1;
  bool taken = false;
  while (!list.empty()) {
    string_view name;
    const double weight = weight_of(take_element(list), name);
    const int of_this = equals_ignoring_case(name, "text/html") ? 2
                        : equals_ignoring_case(name, "text/*")  ? 1
                        : name == "*/*"                         ? 0
                                                                : -1;
    if (of_this < 0 || of_this < precision) continue;
    precision = of_this;
    taken = weight > 0;
  }
  return taken;
}

// Whether a path may be of the web app's pages and not of a file that is missing: it has no
// extension, or who asks for it asks for a page.
bool may_be_page(const Request& request) {
  const string_view path = request.path;
  // No page has a hidden name: who asks for /.git/config is looking for something else.
  if (path.find("/.") != string_view::npos) return false;
  return path.substr(path.rfind('/') + 1).find('.') == string_view::npos ||
         request.headers.list("accept").find("text/html") != std::string::npos;
}

}  // namespace

void add_security_headers(Headers& headers, string_view content_security_policy) {
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Referrer-Policy", "same-origin");
  headers.set("X-Frame-Options", "DENY");
  // Nothing that a page of ours needs beyond these, and nothing for what it embeds.
  headers.set("Permissions-Policy",
              "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), "
              "autoplay=(self), picture-in-picture=(self), screen-wake-lock=(self), "
              "clipboard-write=(self), geolocation=(), payment=(), usb=(), serial=(), hid=(), "
              "midi=(), browsing-topics=()");
  if (!content_security_policy.empty())
    headers.set("Content-Security-Policy", std::string(content_security_policy));
}

string_view content_type_of(string_view name) {
  const size_t dot = name.rfind('.');
  if (dot != string_view::npos)
    for (const auto& [extension, type] : kTypes)
      if (equals_ignoring_case(name.substr(dot + 1), extension)) return type;
  return "application/octet-stream";
}

int open_beneath(const std::string& root, string_view path) {
  Descriptor folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  while (!path.empty()) {
    path.remove_prefix(1);
    const size_t end = std::min(path.find('/'), path.size());
    const std::string segment(path.substr(0, end));
    path.remove_prefix(end);
    if (folder.get() < 0 || segment.empty() || segment[0] == '.') return -1;
    if (!path.empty()) {
      folder.replace(
          ::openat(folder.get(), segment.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      continue;
    }
    // O_NONBLOCK: opening a named pipe must not wait for its writer.
    Descriptor file(
        ::openat(folder.get(), segment.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    return file.get() >= 0 && is_regular(file.get()) ? file.release() : -1;
  }
  return -1;
}

Response serve_file(const Request& request, int fd, string_view content_type) {
  Descriptor file(fd);
  struct stat info {};
  if (fd < 0 || ::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
    return Response::problem(404, "not_found", "There is nothing here");
  const auto size = static_cast<uint64_t>(info.st_size);
  const std::string etag = etag_of(info);

  Response response;
  response.set("ETag", etag);
  response.set("Last-Modified", http_date(info.st_mtim.tv_sec));
  response.set("Accept-Ranges", "bytes");
  switch (check_preconditions(request, etag, info.st_mtim.tv_sec)) {
    case Precondition::kMet:
      break;
    case Precondition::kNotModified:
      response.status = 304;
      return response;
    case Precondition::kFailed:
      return Response::problem(412, "precondition_failed", "The file is not the one that is meant");
  }
  response.set("Content-Type", std::string(content_type));
  RangeResult range;
  // If-Range: the part only if the file is still the one that the client has the rest of.
  const string_view if_range = request.header("if-range");
  if (request.method == "GET" &&
      (if_range.empty() || if_range == etag || if_range == response.headers.get("last-modified")))
    range = parse_range(request.header("range"), size);
  switch (range.kind) {
    case RangeKind::kUnsatisfiable:
      response = Response::problem(416, "range_not_satisfiable", "The file is shorter than that");
      response.set("Content-Range", "bytes */" + std::to_string(size));
      return response;
    case RangeKind::kPart: {
      const auto [first, length] = range.range;
      response.status = 206;
      response.set("Content-Range", "bytes " + std::to_string(first) + '-' +
                                        std::to_string(first + length - 1) + '/' +
                                        std::to_string(size));
      response.file.emplace(file.release(), first, length);
      return response;
    }
    case RangeKind::kWhole:
      break;
  }
  response.file.emplace(file.release(), 0, size);
  return response;
}

StaticFiles::StaticFiles(StaticOptions options) : options_(std::move(options)) {}

Response StaticFiles::handle(const Request& request) const {
  std::string path = request.path;
  if (path.ends_with('/')) path += "index.html";
  int fd = open_beneath(options_.root, path);
  const bool api = std::ranges::any_of(
      options_.api_prefixes, [&](const std::string& p) { return request.path.starts_with(p); });
  if (fd < 0 && options_.single_page_app && !api && may_be_page(request) && takes_html(request)) {
    path = "/index.html";
    fd = open_beneath(options_.root, path);
  }

  string_view coding;
  // A part is always a part of the file itself.
  if (fd >= 0 && !request.headers.has("range")) {
    const std::string codings = request.headers.list("accept-encoding");
    using Sibling = std::pair<string_view, string_view>;
    for (const auto& [name, extension] : {Sibling{"br", ".br"}, Sibling{"gzip", ".gz"}}) {
      if (!accepts_coding(codings, name)) continue;
      const int compressed = open_beneath(options_.root, path + std::string(extension));
      if (compressed < 0) continue;
      ::close(fd);
      fd = compressed;
      coding = name;
      break;
    }
  }
  Response response = serve_file(request, fd, content_type_of(path));
  if (fd >= 0) {
    response.headers.add("Vary", "Accept-Encoding");
    if (!coding.empty()) response.set("Content-Encoding", std::string(coding));
    const bool immutable = !options_.immutable_prefix.empty() &&
                           path.starts_with(options_.immutable_prefix) && response.status < 400;
    response.set("Cache-Control", immutable ? "public, max-age=31536000, immutable" : "no-cache");
  }
  add_security_headers(response.headers, options_.content_security_policy);
  return response;
}

}  // namespace loopcast::http
