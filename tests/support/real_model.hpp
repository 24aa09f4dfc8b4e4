// Where scripts/fetch_model.sh keeps the real models, for the tests that run them; those are skipped when it has not been run.
//
//   const auto path = real_model("minilm");
//   if (path.empty()) SKIP_TEST("scripts/fetch_model.sh minilm has not been run");
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

/// The path that `scripts/fetch_model.sh name` prints, or an empty string when nothing is there. name: minilm, smollm2, gemma3.
inline std::string real_model(std::string_view name) {
    const auto variable = [](const char* key) {
        const char* value = std::getenv(key);
        return std::filesystem::path(value ? value : "");
    };
    std::filesystem::path cache = variable("TERCET_CACHE");
    if (cache.empty() && !variable("XDG_CACHE_HOME").empty()) cache = variable("XDG_CACHE_HOME") / "tercet";
    if (cache.empty()) cache = variable("HOME") / ".cache" / "tercet";
    const auto path = cache / (name == "smollm2"  ? "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
                               : name == "gemma3" ? "gemma3/gemma-3-270m-q4_k_m.gguf"
                                                  : std::string(name));
    std::error_code error;
    return std::filesystem::exists(path, error) ? path.string() : std::string();
}
