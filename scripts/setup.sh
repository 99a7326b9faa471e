# Sourced by ./serve and ./test: installs what is missing and builds. Debian 12, as root or with sudo.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

build_packages=(
  g++ cmake ninja-build ccache mold pkg-config ca-certificates
  libboost1.81-dev libboost-url1.81-dev libboost-json1.81-dev
  libssl-dev libsodium-dev libsqlite3-dev libmaxminddb-dev libspdlog-dev libfmt-dev libcli11-dev prometheus-cpp-dev
  libjemalloc-dev
  libutf8proc-dev libicu-dev libavformat-dev libavcodec-dev libavutil-dev libswscale-dev
)
# Intel's library exists for x86-64 only; elsewhere OpenSSL does its work.
if [ "$(dpkg --print-architecture)" = amd64 ]; then build_packages+=(libipsec-mb-dev); fi
test_packages=(
  libgtest-dev libgmock-dev libsrtp2-dev clang-format-16 clang-tidy-16
  chromium ffmpeg firefox-esr fonts-noto-cjk haproxy iproute2 nftables nginx-light openssl procps sqlite3
  # WebRTC stacks other than the browsers'; two more are packages of npm.
  gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice gstreamer1.0-plugins-bad gstreamer1.0-plugins-good python3-aiortc python3-gi
)
# The benchmarks, and the server that they compare with.
bench_packages=(libbenchmark-dev janus nftables ethtool iproute2 util-linux)

say() { printf '\033[1m%s\033[0m\n' "$*"; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else
    echo "Not root and no sudo: please install as root: $*" >&2
    exit 1
  fi
}

# Installs those of the named packages that are missing.
install_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "Installing: ${missing[*]}"
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# Node.js by any means, else Debian's.
install_node() {
  command -v node >/dev/null && command -v npm >/dev/null && return
  install_packages nodejs npm
}

# npm_ci FOLDER: the packages of its lock file, again only when that has changed.
npm_ci() {
  local stamp=$1/node_modules/.installed-lock
  cmp -s "$1/package-lock.json" "$stamp" && return
  (cd "$1" && npm ci --include=dev --no-audit --no-fund --loglevel=error)
  cp "$1/package-lock.json" "$stamp"
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  if [ ! -f "$root/build/$preset/build.ninja" ]; then
    # A name that nobody can guess: this may run as root, and the folder is everybody's.
    local log
    log=$(mktemp)
    (cd "$root" && cmake --preset "$preset" >"$log" 2>&1) || { cat "$log"; rm -f "$log"; return 1; }
    rm -f "$log"
  fi
  (cd "$root" && cmake --build --preset "$preset" ${1:+--target "$@"})
}

# The web app, again only when its sources have changed.
build_web() {
  npm_ci "$root/web"
  local stamp=$root/web/dist/.built
  if [ ! -f "$stamp" ] || [ -n "$(find "$root/web" -path "$root/web/node_modules" -prune -o -path "$root/web/dist" -prune -o -type f -newer "$stamp" -print -quit)" ]; then
    (cd "$root/web" && npm run --silent build)
    touch "$stamp"
  fi
}
