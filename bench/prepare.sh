# shellcheck shell=bash
# Sourced by the benchmarks that run servers: installs what is missing, and builds unless --build names a build.
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"

# Debian starts a server when it installs it; this one is only wanted while it is measured.
if ! command -v janus >/dev/null && [ -d /run/systemd/system ]; then as_root systemctl mask janus.service; fi
install_packages "${build_packages[@]}" "${bench_packages[@]}"
install_node
case " $* " in
  *' --build '* | *' --build='*) ;;
  *) build bench loopcast loopcast-load fanout >&2 ;;
esac
ulimit -n "$(ulimit -H -n)"
