#include <fmt/format.h>

#include <utility>

#include "convllava/config/field_table.h"
#include "convllava/core/paths.h"

namespace convllava::config {
namespace {

class Writer : public FieldVisitor {
 public:
  void field(const char* name, bool& value, const char*) override { line(name, value ? "true" : "false"); }
  void field(const char* name, int64_t& value, const char*, Range) override { line(name, std::to_string(value)); }
  void field(const char* name, double& value, const char*, Range) override { line(name, number_text(value)); }
  void field(const char* name, std::string& value, const char*) override { line(name, scalar_text(value)); }
  void path(const char* name, std::string& value, const char*) override {
    line(name, scalar_text(core::path_text(value)));
  }
  void field(const char* name, std::vector<std::string>& value, const char*) override { line(name, list_text(value)); }
  void field(const char* name, std::vector<int64_t>& value, const char*, Range) override {
    line(name, list_text(value));
  }
  void field(const char* name, std::vector<double>& value, const char*, Range) override {
    line(name, list_text(value));
  }
  void field(const char* name, std::map<std::string, double>& value, const char*, Range) override {
    line(name, map_text(value));
  }

  std::string text() const {
    std::string all;
    for (const auto& entry : lines_) all += entry + "\n";
    return all;
  }

 protected:
  void choice_index(const char* name, size_t& index, const std::vector<std::string>& names, const char*) override {
    line(name, names[index]);
  }
  void begin_section(const char* name, const char*, const VisitStruct& visit) override {
    lines_.push_back(fmt::format("{}:", name));
    Writer inner;
    visit(inner);
    for (const auto& entry : inner.lines_) lines_.push_back("  " + entry);
  }
  void begin_list(const char* name, const char*, size_t size, const std::function<void(size_t)>&,
                  const std::function<void(size_t, FieldVisitor&)>& visit_element) override {
    lines_.push_back(fmt::format("{}:{}", name, size == 0 ? " []" : ""));
    for (size_t i = 0; i < size; ++i) {
      Writer inner;
      visit_element(i, inner);
      const char* prefix = "  - ";
      for (const auto& entry : inner.lines_) lines_.push_back(std::exchange(prefix, "    ") + entry);
    }
  }

 private:
  void line(const char* name, const std::string& value) { lines_.push_back(fmt::format("{}: {}", name, value)); }

  std::vector<std::string> lines_;
};

}  // namespace

std::string write_yaml(const VisitFields& visit) {
  Writer writer;
  visit(writer);
  return writer.text();
}

}  // namespace convllava::config
