// vinci deep: hands over to the program vinci-deep, so that nothing here loads libtorch.
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "cli/command.h"
#include "vinci/error.h"

namespace vinci::cli {

namespace {

[[noreturn]] void run_deep(const std::vector<std::string>& arguments) {
  std::error_code code;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", code);
  const std::string program = code ? "vinci-deep" : (self.parent_path() / "vinci-deep").string();
  std::vector<char*> argv = {const_cast<char*>("vinci-deep")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  execvp("vinci-deep", argv.data());
  throw Error(Error::Kind::kIo,
              program + " cannot be started: " + std::strerror(errno) +
                  ". `vinci deep` needs libtorch (libtorch-dev on Debian) where vinci is built.");
}

}  // namespace

void add_deep(CLI::App& app, int&) {
  auto* command =
      app.add_subcommand("deep", "train, evaluate and draw from deep generative models of images");
  command->prefix_command();
  command->set_help_flag();  // left to vinci-deep
  command->callback([command] { run_deep(command->remaining()); });
}

}  // namespace vinci::cli
