#include "tests/support/hosts.h"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace convllava::testing {
namespace {

bool succeeds(const std::string& command) { return std::system((command + " > /dev/null 2>&1").c_str()) == 0; }

void must(const std::string& command) {
  if (!succeeds(command)) throw std::runtime_error("failed: " + command);
}

}  // namespace

std::string TwoHosts::name(int host) const {
  return "convllava-" + std::to_string(::getpid()) + "-" + std::to_string(host);
}

std::string TwoHosts::address(int host) { return "10.213.7." + std::to_string(1 + host); }

std::vector<std::string> TwoHosts::prefix(int host) const { return {"ip", "netns", "exec", name(host)}; }

std::optional<std::string> TwoHosts::unavailable() {
  if (::geteuid() != 0) return "network namespaces need root";
  const std::string probe = "convllava-probe-" + std::to_string(::getpid());
  if (!succeeds("ip netns add " + probe)) return "`ip netns add` fails here";
  succeeds("ip netns del " + probe);
  return std::nullopt;
}

TwoHosts::TwoHosts() {
  try {
    for (int host : {0, 1}) must("ip netns add " + name(host));
    must("ip -n " + name(0) + " link add eth0 type veth peer name eth0 netns " + name(1));
    for (int host : {0, 1}) {
      const std::string ip = "ip -n " + name(host);
      must(ip + " address add " + address(host) + "/24 dev eth0");
      must(ip + " link set lo up");
      must(ip + " link set eth0 up");
    }
  } catch (...) {
    remove();
    throw;
  }
}

TwoHosts::~TwoHosts() { remove(); }

void TwoHosts::remove() const {
  for (int host : {0, 1}) succeeds("ip netns del " + name(host));
}

}  // namespace convllava::testing
