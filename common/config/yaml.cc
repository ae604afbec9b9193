#include "common/config/yaml.h"

#include <algorithm>
#include <exception>
#include <sstream>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "common/base/redact.h"
#include "common/base/text.h"

namespace heal::config {
namespace {

/// Ends parsing from inside a callback after the reason was reported.
struct Abort {};

constexpr std::string_view kStringTag = "tag:yaml.org,2002:str";

/// yaml-cpp writes `\_` (U+00A0) and `\N` (U+0085) as one byte. All else in `value` is UTF-8, as the file is.
std::string with_whole_escapes(std::string_view value) {
  std::string out;
  int rest = 0;  // bytes of the character that are to come
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (rest > 0) {
      --rest;
    } else if (byte >= 0xC0) {
      rest = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
    } else if (byte >= 0x80) {
      out += '\xC2';
    }
    out += c;
  }
  return out;
}

/// Builds the tree from the parser's events. yaml-cpp's marks count lines and columns (in bytes) from 0.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const Source& source, Diagnostics& diagnostics, const YamlLimits& limits)
      : source_(source), diagnostics_(diagnostics), limits_(limits) {}

  Node take_root() { return std::move(root_); }

  /// True when `mark` stands in another line than the key of a secret that was read last in what is open there: what
  /// is wrong may be the secret, or a part of it.
  bool is_below_secret(const YAML::Mark& mark) const {
    return std::any_of(open_.begin(), open_.end(),
                       [&](const Open& open) { return open.is_secret && open.key_mark.line != mark.line; });
  }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    finish_node(at(mark, NodeKind::kNull), anchor, mark);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = at(mark, NodeKind::kScalar);
    node.text = is_utf8(value) ? value : with_whole_escapes(value);
    node.is_quoted = tag == "!" || tag == kStringTag;
    if (!node.is_quoted && tag != "?" && !tag.empty()) refuse_tag(mark, tag);
    finish_node(std::move(node), anchor, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(mark, "an alias cannot stand inside of what its own anchor names");
    if (open_.size() + found->second.depth > limits_.max_depth) fail_depth(mark);
    charge(mark, found->second.nodes, found->second.bytes);
    Node copy = found->second.node;
    if (is_key_next()) {
      take_key(copy, mark);
    } else {
      attach(std::move(copy), mark);
    }
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, NodeKind::kList);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, NodeKind::kMap);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Anchored {
    Node node;
    std::size_t nodes = 0, bytes = 0, depth = 0;
  };
  /// A list or map that is being read.
  struct Open {
    Node node;
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
    bool has_key = false, is_merge = false, is_secret = false;
    std::string key;
    YAML::Mark key_mark;
    std::unordered_map<std::string, int> key_lines;
    std::vector<std::pair<YAML::Mark, Node>> merges;
  };

  static Node at(const YAML::Mark& mark, NodeKind kind) {
    Node node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.byte = static_cast<std::size_t>(std::max(mark.column, 0));
    return node;
  }

  void report(const YAML::Mark& mark, std::string message, std::string hint = {}) {
    const int line = mark.line + 1;
    diagnostics_.add({Severity::kError, source_.place(line, static_cast<std::size_t>(std::max(mark.column, 0))),
                      std::move(message), std::move(hint),
                      is_below_secret(mark) ? std::string() : std::string(source_.line(line))});
  }
  [[noreturn]] void fail(const YAML::Mark& mark, std::string message, std::string hint = {}) {
    report(mark, std::move(message), std::move(hint));
    throw Abort{};
  }
  [[noreturn]] void fail_depth(const YAML::Mark& mark) {
    fail(mark, fmt::format("more than {} lists and maps are nested here", limits_.max_depth));
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    // What was meant as a secret may begin with "!".
    const bool is_secret = std::any_of(open_.begin(), open_.end(), [](const Open& open) { return open.is_secret; });
    const std::string which = is_secret ? "this tag" : fmt::format("the tag \"{}\"", printable(tag));
    report(mark, which + " is not supported",
           is_secret ? "a text that begins with ! must stand in quotes" : "leave it out");
  }

  void charge(const YAML::Mark& mark, std::size_t nodes, std::size_t bytes) {
    nodes_ += nodes;
    bytes_ += bytes;
    if (nodes_ > limits_.max_nodes) fail(mark, fmt::format("more than {} values", limits_.max_nodes));
    if (bytes_ > limits_.max_expanded_bytes)
      fail(mark, fmt::format("more than {} bytes of text with all aliases replaced", limits_.max_expanded_bytes));
  }

  bool is_key_next() const {
    return !open_.empty() && open_.back().node.kind == NodeKind::kMap && !open_.back().has_key;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, NodeKind kind) {
    if (is_key_next()) fail(mark, "a key must be a word, not a list or a map");
    if (open_.size() >= limits_.max_depth) fail_depth(mark);
    if (!tag.empty() && tag != "?" && tag != "!") refuse_tag(mark, tag);
    charge(mark, 1, 0);
    Open next;
    next.node = at(mark, kind);
    next.anchor = anchor;
    next.mark = mark;
    open_.push_back(std::move(next));
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    for (auto& [mark, node] : done.merges)
      merge(done.node, std::move(node), mark);
    remember(done.node, done.anchor);
    attach(std::move(done.node), done.mark);
  }

  void finish_node(Node node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    charge(mark, 1, node.text.size());
    remember(node, anchor);
    if (is_key_next()) {
      take_key(node, mark);
    } else {
      attach(std::move(node), mark);
    }
  }

  void take_key(const Node& node, const YAML::Mark& mark) {
    if (node.kind != NodeKind::kScalar) fail(mark, "a key must be a word");
    Open& map = open_.back();
    map.has_key = true;
    map.key = node.text;
    map.key_mark = mark;
    const auto [found, is_new] = map.key_lines.emplace(node.text, mark.line + 1);
    map.is_merge = node.text == "<<" && !node.is_quoted;
    map.is_secret = is_secret_key(node.text);
    if (!is_new && !map.is_merge)
      report(mark, fmt::format("duplicate key \"{}\" (first given in line {})", printable(node.text), found->second));
  }

  void attach(Node node, const YAML::Mark& mark) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == NodeKind::kList) {
      parent.node.items.push_back(std::move(node));
      return;
    }
    parent.has_key = false;
    if (parent.is_merge) {
      parent.merges.emplace_back(mark, std::move(node));
      return;
    }
    MapEntry entry;
    entry.key = std::move(parent.key);
    entry.line = parent.key_mark.line + 1;
    entry.byte = static_cast<std::size_t>(std::max(parent.key_mark.column, 0));
    if (node.kind == NodeKind::kNull) {  // its mark is wherever the next thing stands
      node.line = entry.line;
      node.byte = entry.byte;
    }
    entry.value = std::move(node);
    parent.node.entries.push_back(std::move(entry));
  }

  /// The YAML 1.1 merge key: what is given in the map itself, or was merged before, wins.
  void merge(Node& into, Node from, const YAML::Mark& mark) {
    if (from.kind == NodeKind::kList) {
      for (auto& item : from.items)
        merge_map(into, std::move(item), mark);
      return;
    }
    merge_map(into, std::move(from), mark);
  }

  void merge_map(Node& into, Node from, const YAML::Mark& mark) {
    if (from.kind != NodeKind::kMap) {
      report(mark, "\"<<\" must be a map or a list of maps");
      return;
    }
    std::unordered_map<std::string, bool> present;
    for (const auto& entry : into.entries)
      present[entry.key] = true;
    for (auto& entry : from.entries) {
      if (!present.count(entry.key)) into.entries.push_back(std::move(entry));
    }
  }

  void remember(const Node& node, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    Anchored anchored;
    measure(node, 1, anchored);
    // The copy that is kept counts too, or many large anchors would use memory that no limit sees.
    charge(open_.empty() ? YAML::Mark() : open_.back().mark, anchored.nodes, anchored.bytes);
    anchored.node = node;
    anchors_[anchor] = std::move(anchored);
  }

  static void measure(const Node& node, std::size_t depth, Anchored& out) {
    ++out.nodes;
    out.bytes += node.text.size();
    const bool is_collection = node.kind == NodeKind::kList || node.kind == NodeKind::kMap;
    if (is_collection) out.depth = std::max(out.depth, depth);
    for (const auto& item : node.items)
      measure(item, depth + 1, out);
    for (const auto& entry : node.entries) {
      out.bytes += entry.key.size();
      measure(entry.value, depth + 1, out);
    }
  }

  const Source& source_;
  Diagnostics& diagnostics_;
  const YamlLimits limits_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Anchored> anchors_;
  Node root_;
  std::size_t nodes_ = 0, bytes_ = 0;
};

/// Throws away a document; knows only that there was one.
class SecondDocument final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    mark_ = mark;
    throw Abort{};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
  const YAML::Mark& mark() const { return mark_; }

 private:
  YAML::Mark mark_;
};

/// What to do about the parser's own complaints, which are short.
std::string syntax_hint(std::string_view message, std::string_view line) {
  if (line.find('\t') < line.find_first_not_of(" \t")) return "indent with spaces, not tabs";
  const bool is_map_trouble = message.find("illegal map value") != std::string_view::npos;
  if (is_map_trouble) return "a text that holds \": \" must stand in quotes";
  if (message.find("end of map not found") != std::string_view::npos ||
      message.find("end of sequence not found") != std::string_view::npos)
    return "look at the indentation of this line and at quotes and brackets before it";
  if (message.find("anchor is not defined") != std::string_view::npos)
    return "a text that begins with * must stand in quotes";
  return {};
}

enum class ShowLine { kYes, kNo };

void report_at(const Source& source, Diagnostics& diagnostics, const YAML::Mark& mark, std::string message,
               std::string hint, ShowLine show) {
  const int line = std::max(mark.line, 0) + 1;
  const auto byte = static_cast<std::size_t>(std::max(mark.column, 0));
  diagnostics.add({Severity::kError, source.place(line, byte), std::move(message), std::move(hint),
                   show == ShowLine::kYes ? std::string(source.line(line)) : std::string()});
}

bool check_bytes(const Source& source, Diagnostics& diagnostics, const YamlLimits& limits) {
  if (source.text().size() > limits.max_bytes) {
    diagnostics.error({source.file(), 0, 0}, fmt::format("the file is larger than {} bytes", limits.max_bytes));
    return false;
  }
  int number = 1;
  for (const auto line : split(source.text(), '\n')) {
    const bool is_good = is_utf8(line) && line.find('\0') == std::string_view::npos;
    if (!is_good) {
      diagnostics.error({source.file(), number, 0}, "this line is not UTF-8 text");
      return false;
    }
    ++number;
  }
  return true;
}

void refuse_second_document(YAML::Parser& parser, const Source& source, Diagnostics& diagnostics) {
  SecondDocument second;
  try {
    parser.HandleNextDocument(second);
  } catch (const Abort&) {
    report_at(source, diagnostics, second.mark(), "a second document begins here",
              "one file holds one document: put it into a file of its own", ShowLine::kYes);
  }
}

}  // namespace

std::optional<Node> parse_yaml(const Source& source, Diagnostics& diagnostics, const YamlLimits& limits) {
  if (!check_bytes(source, diagnostics, limits)) return std::nullopt;
  const auto errors_before = diagnostics.errors();
  TreeBuilder builder(source, diagnostics, limits);
  try {
    std::istringstream stream(source.text());
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    refuse_second_document(parser, source, diagnostics);
  } catch (const Abort&) {
    return std::nullopt;
  } catch (const YAML::Exception& problem) {
    const auto line = source.line(problem.mark.line + 1);
    report_at(source, diagnostics, problem.mark, fmt::format("not valid YAML: {}", problem.msg),
              syntax_hint(problem.msg, line), builder.is_below_secret(problem.mark) ? ShowLine::kNo : ShowLine::kYes);
    return std::nullopt;
  } catch (const std::exception& problem) {
    diagnostics.error({source.file(), 0, 0}, fmt::format("cannot be read: {}", problem.what()));
    return std::nullopt;
  }
  if (diagnostics.errors() != errors_before) return std::nullopt;
  return builder.take_root();
}

}  // namespace heal::config
