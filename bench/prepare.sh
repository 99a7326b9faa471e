# Sourced by the benchmarks that run servers: installs what is missing, and builds unless --build names a build.
# shellcheck source=../scripts/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"

install_packages "${build_packages[@]}" "${bench_packages[@]}"
install_node
case " $* " in
  *' --build '* | *' --build='*) ;;
  *) build bench loopcast loopcast-load fanout >&2 ;;
esac
ulimit -n "$(ulimit -H -n)"
