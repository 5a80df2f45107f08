// `mote completion SHELL`: written from the parser itself, so that it knows every command and option there is, and no
// other.
//
// bash and zsh share two functions that answer questions about a command path; a front end for each shell walks the
// words typed so far.

#include <fmt/format.h>

#include "command.hpp"
#include "command_tree.hpp"

namespace mote::app {
namespace {

std::string joined(const std::vector<std::string>& words, const char* separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

/// 'text' for a POSIX shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// 'text' for fish, which escapes with a backslash inside of quotes.
std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += (c == '\'' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  return out + "'";
}

/// Subcommands, and values of arguments that have a fixed list.
std::vector<std::string> words_at(const CommandEntry& command) {
  std::vector<std::string> words = command.subcommands;
  for (const OptionEntry& option : command.options) {
    if (option.names.empty()) words.insert(words.end(), option.choices.begin(), option.choices.end());
  }
  return words;
}

std::vector<std::string> option_names(const CommandEntry& command) {
  std::vector<std::string> names;
  for (const OptionEntry& option : command.options) {
    for (const std::string& name : option.names) {
      if (name.starts_with("--")) names.push_back(name);
    }
  }
  return names;
}

/// _mote_words PATH, _mote_options PATH, and _mote_value 'PATH|OPTION': fails when the option takes no value, else
/// prints the choices.
std::string shared_functions(const std::vector<CommandEntry>& tree) {
  std::string words = "_mote_words() {\n  case \"$1\" in\n";
  std::string options = "_mote_options() {\n  case \"$1\" in\n";
  std::string values = "_mote_value() {\n  case \"$1\" in\n";
  for (const CommandEntry& command : tree) {
    if (const auto at = words_at(command); !at.empty())
      words += fmt::format("    {}) echo {} ;;\n", quoted(command.path), quoted(joined(at, " ")));
    options += fmt::format("    {}) echo {} ;;\n", quoted(command.path), quoted(joined(option_names(command), " ")));
    for (const OptionEntry& option : command.options) {
      if (!option.takes_value) continue;
      for (const std::string& name : option.names) {
        values +=
            fmt::format("    {}) echo {} ;;\n", quoted(command.path + "|" + name), quoted(joined(option.choices, " ")));
      }
    }
  }
  return words + "  esac\n}\n" + options + "  esac\n}\n" + values + "    *) return 1 ;;\n  esac\n}\n";
}

constexpr const char* kPathFunction = R"sh(# Follows the words that are typed and prints the command they name.
_mote_path() {
  local at='' skip='' word next
  for word in "$@"; do
    if [ -n "$skip" ]; then skip=''; continue; fi
    case "$word" in
      -*) if _mote_value "$at|$word" >/dev/null; then skip=1; fi; continue ;;
    esac
    for next in $(_mote_each_word "$at"); do
      if [ "$next" = "$word" ]; then at="${at:+$at }$word"; break; fi
    done
  done
  echo "$at"
}
)sh";

constexpr const char* kBashFront = R"sh(_mote_each_word() { _mote_words "$1"; }
_mote() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" path choices
  path="$(_mote_path "${COMP_WORDS[@]:1:COMP_CWORD-1}")"
  COMPREPLY=()
  if [[ $previous == -* ]] && choices="$(_mote_value "$path|$previous")"; then
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$(_mote_options "$path")" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$(_mote_words "$path")" -- "$current"))
  fi
}
complete -o default -F _mote mote
)sh";

constexpr const char* kZshFront = R"sh(_mote_each_word() { _mote_words "$1" | tr ' ' '\n'; }
_mote() {
  local current="${words[CURRENT]}" previous="${words[CURRENT-1]}" at choices
  at="$(_mote_path "${(@)words[2,CURRENT-1]}")"
  if [[ $previous == -* ]] && choices="$(_mote_value "$at|$previous")"; then
    if [[ -n $choices ]]; then compadd -- ${=choices}; else _files; fi
  elif [[ $current == -* ]]; then
    compadd -- ${=$(_mote_options "$at")}
  else
    choices="$(_mote_words "$at")"
    if [[ -n $choices ]]; then compadd -- ${=choices}; else _files; fi
  fi
}
compdef _mote mote
)sh";

std::string bash_script(const std::vector<CommandEntry>& tree) {
  return "# Shell completion of mote for bash. Load it with: source <(mote completion bash)\n" +
         shared_functions(tree) + kPathFunction + kBashFront;
}

std::string zsh_script(const std::vector<CommandEntry>& tree) {
  std::string path = kPathFunction;
  // zsh does not split what a command prints at blanks, only at newlines when told so.
  const std::string unsplit = "$(_mote_each_word \"$at\")";
  path.replace(path.find(unsplit), unsplit.size(), "${(f)\"$(_mote_each_word \"$at\")\"}");
  return "#compdef mote\n# Shell completion of mote for zsh. Load it, after compinit, with: source <(mote completion "
         "zsh)\n" +
         shared_functions(tree) + path + kZshFront;
}

constexpr const char* kFishFront = R"sh(function __mote_at
  set -l at ''
  set -l skip 0
  for token in (commandline -opc)[2..-1]
    if test $skip -eq 1
      set skip 0
      continue
    end
    if string match -q -- '-*' $token
      contains -- "$at|$token" $__mote_valued; and set skip 1
      continue
    end
    set -l next (string trim -- "$at $token")
    contains -- "$next" $__mote_paths; and set at "$next"
  end
  test "$at" = "$argv[1]"
end
)sh";

std::string fish_option(const CommandEntry& command, const OptionEntry& option) {
  std::string line = fmt::format("complete -c mote -n {}", fish_quoted("__mote_at '" + command.path + "'"));
  for (const std::string& name : option.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (option.takes_value)
    line += option.choices.empty() ? " -r -F" : " -x -a " + fish_quoted(joined(option.choices, " "));
  return line + " -d " + fish_quoted(option.description) + "\n";
}

std::string fish_script(const std::vector<CommandEntry>& tree) {
  std::string out =
      "# Shell completion of mote for fish. Load it with: mote completion fish | source\nset -g __mote_paths";
  for (const CommandEntry& command : tree) out += " " + fish_quoted(command.path);
  out += "\nset -g __mote_valued";
  for (const CommandEntry& command : tree) {
    for (const OptionEntry& option : command.options) {
      for (const std::string& name : option.takes_value ? option.names : std::vector<std::string>())
        out += " " + fish_quoted(command.path + "|" + name);
    }
  }
  out += std::string("\n") + kFishFront;
  for (const CommandEntry& command : tree) {
    const std::string parent = command.path.substr(
        0, command.path.find_last_of(' ') == std::string::npos ? 0 : command.path.find_last_of(' '));
    if (!command.path.empty()) {
      const std::string own = parent.empty() ? command.path : command.path.substr(parent.size() + 1);
      out += fmt::format("complete -c mote -f -n {} -a {} -d {}\n", fish_quoted("__mote_at '" + parent + "'"),
                         fish_quoted(own), fish_quoted(command.summary));
    }
    for (const OptionEntry& option : command.options) {
      if (!option.names.empty()) {
        out += fish_option(command, option);
      } else if (!option.choices.empty()) {
        out += fmt::format("complete -c mote -f -n {} -a {}\n", fish_quoted("__mote_at '" + command.path + "'"),
                           fish_quoted(joined(option.choices, " ")));
      }
    }
  }
  return out;
}

Outcome script_for(const std::string& shell, const CLI::App& root) {
  const std::vector<CommandEntry> tree = command_tree(root);
  const std::string script = shell == "bash"  ? bash_script(tree)
                             : shell == "zsh" ? zsh_script(tree)
                                              : fish_script(tree);
  Json commands = Json::array();
  for (const CommandEntry& command : tree) {
    if (!command.path.empty() && command.subcommands.empty()) commands.push_back(command.path);
  }
  return {script, {{"shell", shell}, {"commands", commands}, {"script", script}}};
}

}  // namespace

std::vector<Command> completion_commands() {
  return {{"completion", "the script that lets a shell complete commands, options and their values",
           "source <(mote completion bash)", [](CLI::App& app) -> Action {
             auto shell = std::make_shared<std::string>();
             app.add_option("shell", *shell, "whose script")
                 ->required()
                 ->check(CLI::IsMember(std::vector<std::string>{"bash", "zsh", "fish"}));
             return [shell, &app](Progress&) -> Result<Outcome> {
               const CLI::App* root = &app;
               while (root->get_parent() != nullptr) root = root->get_parent();
               return script_for(*shell, *root);
             };
           }}};
}

}  // namespace mote::app
