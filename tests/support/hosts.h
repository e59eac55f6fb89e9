#pragma once

#include <optional>
#include <string>
#include <vector>

namespace convllava::testing {

/// Two machines on this one: network namespaces, each with an interface `eth0` at one end of a link. Needs root and the
/// program `ip`.
class TwoHosts {
 public:
  /// Throws std::runtime_error where they cannot be made.
  TwoHosts();
  ~TwoHosts();
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;

  /// Why there can be none; nothing where there can.
  static std::optional<std::string> unavailable();
  /// The beginning of a command that runs on host 0 or 1.
  std::vector<std::string> prefix(int host) const;
  static std::string address(int host);

 private:
  std::string name(int host) const;
  void remove() const;
};

}  // namespace convllava::testing
