// The `tercet` command: models, tokenizers and texts from the shell.
//
//   tercet info PATH · tokenize · detokenize · train-tokenizer · logits · embed · generate · perplexity · quantize · convert · train · finetune ·
//   eval · cross-validate · explain · bench          tercet COMMAND --help says the rest
//
// Each prints a result on stdout, as text or (--json) as one JSON object; messages go to stderr. Exit status: 0, or 1 with one line of
// error, or 2 for bad usage.
#include "command.hpp"

#include <algorithm>
#include <cstdio>
#include <new>

namespace {

int report(std::string message, int status) {
    std::replace(message.begin(), message.end(), '\n', ' ');
    std::fprintf(stderr, "tercet: %s\n", message.c_str());
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Tensors and transformer models: look at, tokenize, embed, generate, evaluate.", "tercet"};
    app.require_subcommand(1);
    app.set_version_flag("--version", "tercet " TERCET_VERSION_STRING);
    cli::add_info(app);
    cli::add_tokenize(app);
    cli::add_detokenize(app);
    cli::add_train_tokenizer(app);
    cli::add_logits(app);
    cli::add_embed(app);
    cli::add_generate(app);
    cli::add_perplexity(app);
    cli::add_quantize(app);
    cli::add_train(app);
    cli::add_finetune(app);
    cli::add_eval(app);
    cli::add_cross_validate(app);
    cli::add_explain(app);
    cli::add_bench(app);
    const auto commands = app.get_subcommands([](CLI::App*) { return true; });
    const auto named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
    if (argc > 1 && argv[1][0] != '-' && std::none_of(commands.begin(), commands.end(), named))
        return report("there is no command '" + std::string(argv[1]) + "' (tercet --help lists them)", 2);
    try {
        app.parse(argc, argv);
        return 0;
    } catch (const CLI::Success& asked) {  // --help, --version
        app.exit(asked);
        return 0;
    } catch (const CLI::ParseError& error) {
        std::string command = "tercet";
        for (auto given = app.get_subcommands(); !given.empty(); given = given.front()->get_subcommands()) command += " " + given.front()->get_name();
        return report(std::string(error.what()) + " (" + command + " --help lists the options)", 2);
    } catch (const tercet::Error& error) {
        return report(error.what(), 1);
    } catch (const std::bad_alloc&) {
        return report("out of memory", 1);
    } catch (const std::exception& error) {
        return report(error.what(), 1);
    }
}
