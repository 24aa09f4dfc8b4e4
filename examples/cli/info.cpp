// tercet info PATH: what a model's files hold, after checking all of them.
//
// {"architecture", "parameters", "tensors": {type: count}, "bytes", "config"}: parameters are the elements of all tensors but those of
// integers, which are buffers; bytes the size of the weights' files; config is config.json, or a GGUF file's metadata without long arrays,
// or the metadata of a .safetensors file that has no config.json beside it.
#include "command.hpp"
#include "output.hpp"

#include <tercet/io/gguf.hpp>
#include <tercet/io/hub.hpp>

#include <filesystem>
#include <map>

namespace cli {

namespace {

using namespace tercet;

struct Settings : Common {
    std::string path;
};

struct Info {
    std::string architecture;  // empty: not known
    std::map<std::string, index_t> tensors;
    index_t parameters = 0;
    std::uintmax_t bytes = 0;
    std::string config;  // JSON
};

bool is_buffer(StorageType type) {
    switch (type) {
    case StorageType::i8:
    case StorageType::i16:
    case StorageType::i32:
    case StorageType::i64:
    case StorageType::u8:
    case StorageType::boolean: return true;
    default: return false;
    }
}

void add_tensors(Info& info, const std::vector<StoredTensor>& tensors) {
    for (const auto& t : tensors) {
        ++info.tensors[std::string(name_of(t.type))];
        if (!is_buffer(t.type)) info.parameters = checked_add(info.parameters, element_count(t.shape), "parameters");
    }
}

std::uintmax_t file_size(const std::string& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    return error ? 0 : size;
}

// A scalar or a short array; empty for what is left out.
std::string metadata_json(const GgufValue& value) {
    constexpr std::size_t longest = 16;
    if (value.is_array() && (value.size() > longest || value.type() == GgufType::array)) return {};
    std::vector<std::string> elements;
    value.for_each([&](const auto& element) {
        using T = std::decay_t<decltype(element)>;
        if constexpr (std::is_same_v<T, std::string_view>) elements.push_back(quote_json(element));
        else if constexpr (std::is_same_v<T, bool>) elements.emplace_back(element ? "true" : "false");
        else if constexpr (std::is_floating_point_v<T>) elements.push_back(json_number(element));
        else if constexpr (std::is_integral_v<T>) elements.push_back(std::to_string(element));
    });
    return value.is_array() ? json_list(elements, [](const std::string& e) { return e; }) : elements.at(0);
}

Info info_of_gguf(const std::string& path) {
    const auto file = Gguf::open(path);
    Info info;
    info.architecture = file.string_or("general.architecture", "");
    info.bytes = file_size(path);
    add_tensors(info, file.tensors());
    JsonObject config;
    for (const auto& [key, value] : file.metadata())
        if (const auto json = metadata_json(value); !json.empty()) config.add(key, json);
    info.config = config.text();
    return info;
}

Info info_of_files(const std::string& path) {
    const auto files = ModelFiles::open(path);
    for (const auto& small :
         {files.generation_config(), files.tokenizer(), files.tokenizer_config(), files.modules(), files.sentence_bert_config(), files.pooling()})
        static_cast<void>(small);  // read and parsed: that much is checked too
    Info info;
    info.architecture = files.config().get_or("model_type", "");
    for (const auto& shard : files.shards()) info.bytes += file_size(shard.source());
    add_tensors(info, files.tensors());
    info.config = to_string(files.config());
    return info;
}

Info info_of_safetensors(const std::string& path) {
    const auto file = Safetensors::open(path);
    Info info;
    info.bytes = file_size(path);
    add_tensors(info, file.tensors());
    JsonObject config;
    for (const auto& [key, value] : file.metadata()) config.add(key, quote_json(value));
    info.config = config.text();
    return info;
}

bool has_config_beside(const std::string& path) {
    return file_exists((std::filesystem::path(path).parent_path() / "config.json").string());
}

void run(const Settings& s) {
    const bool lone = s.path.ends_with(".safetensors") && !is_directory(s.path) && !has_config_beside(s.path);
    const Info info = s.path.ends_with(".gguf") ? info_of_gguf(s.path) : lone ? info_of_safetensors(s.path) : info_of_files(s.path);
    if (s.json) {
        JsonObject tensors, result;
        for (const auto& [type, count] : info.tensors) tensors.add(type, std::to_string(count));
        result.add("architecture", info.architecture.empty() ? "null" : quote_json(info.architecture))
            .add("parameters", std::to_string(info.parameters));
        result.add("tensors", tensors.text()).add("bytes", std::to_string(info.bytes)).add("config", info.config);
        return print(result.text() + "\n");
    }
    std::string text = "architecture  " + (info.architecture.empty() ? "not known" : info.architecture) + "\nparameters    " +
                       std::to_string(info.parameters) + "\ntensors      ";
    for (const auto& [type, count] : info.tensors) text += " " + std::to_string(count) + " " + type;
    print(text + "\nbytes         " + std::to_string(info.bytes) + "\nconfig        " + info.config + "\n");
}

}  // namespace

void add_info(CLI::App& app) {
    const auto [command, s] = add_command<Settings>(app, "info", "Check a model's files and say what they hold", run);
    command->add_option("path", s->path, "A model directory, a .safetensors or a .gguf file")->required()->type_name("PATH");
}

}  // namespace cli
