// What the commands of `tercet` share: how one is added to the program, and how bad usage is reported.
#pragma once

#include <tercet/core/parallel.hpp>

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <utility>

namespace cli {

/// The options that every command takes.
struct Common {
    bool json = false;
    int threads = 0;
};

// One function a file: each adds its command to the program.
void add_info(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_detokenize(CLI::App& app);
void add_train_tokenizer(CLI::App& app);
void add_logits(CLI::App& app);
void add_embed(CLI::App& app);
void add_generate(CLI::App& app);
void add_perplexity(CLI::App& app);
void add_quantize(CLI::App& app);
void add_train(CLI::App& app);
void add_finetune(CLI::App& app);
void add_eval(CLI::App& app);
void add_cross_validate(CLI::App& app);
void add_explain(CLI::App& app);
void add_bench(CLI::App& app);

/// Ends the program with status 2: the options do not go together. For what an option's own check cannot see.
[[noreturn]] inline void bad_usage(const std::string& what) {
    throw CLI::ValidationError(what);
}

/// Adds a command. Settings derive from Common; `run(settings)` is called when the command has been given.
template <class Settings, class Run>
std::pair<CLI::App*, std::shared_ptr<Settings>> add_command(CLI::App& app, const std::string& name, const std::string& what, Run run) {
    auto settings = std::make_shared<Settings>();
    CLI::App* command = app.add_subcommand(name, what);
    command->add_flag("--json", settings->json, "Print one JSON object");
    command->add_option("--threads", settings->threads, "Threads to use; all processors unless given")->check(CLI::Range(1, 1024))->type_name("N");
    command->callback([settings, run] {
        if (settings->threads > 0) tercet::set_threads(settings->threads);
        run(*settings);
    });
    return {command, settings};
}

}  // namespace cli
