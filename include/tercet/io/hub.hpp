// A model directory as Hugging Face lays it out: config.json, the weights in one safetensors file or in shards, and the small files beside.
//
//   model.safetensors                        or
//   model.safetensors.index.json             {"weight_map": {"tensor name": "model-00001-of-00002.safetensors", …}} and the shards it names
//   generation_config.json, tokenizer.json, modules.json, 1_Pooling/config.json, …      read when asked for
//
// The names in such files are a stranger's: one that leads out of the directory is refused. (Links inside it are followed: the hub's own cache
// is made of them.)
#pragma once

#include "tercet/io/json.hpp"
#include "tercet/io/safetensors.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tercet::inline TERCET_ABI {

/// Reads and parses a JSON file. Throws io, bad_json.
inline Json read_json_file(const std::string& path) {
    return parse_json(read_text_file(path), path);
}

/// Reads a file of JSON lines: a value on each, lines of white space passed over. Errors name the file and the line. Throws io, bad_json.
inline std::vector<Json> read_json_lines(const std::string& path) {
    std::vector<Json> values;
    std::size_t number = 0;
    for (const auto& line : read_lines(path)) {
        const std::string place = path + ":" + std::to_string(++number);
        if (line.find_first_not_of(" \t") != std::string::npos) values.push_back(parse_json(line, place));
    }
    return values;
}

/// An opened model directory. The tensors are views that live as long as owner() is kept.
class ModelFiles {
public:
    /// Opens a directory, or a .safetensors file whose directory has the config.json. Throws what Safetensors::open throws; io, naming the
    /// file, when one is missing; missing_tensor where a shard lacks what the index says, surplus_tensor where it has more.
    static ModelFiles open(const std::string& path, const LoadOptions& options = {}) {
        ModelFiles files;
        std::string weights = "model.safetensors";
        if (is_directory(path)) {
            files.directory_ = path;
        } else {
            const std::size_t slash = path.rfind('/');
            files.directory_ = slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
            weights = path.substr(slash + 1);  // npos + 1 is 0
            require(path.ends_with(".safetensors") || !file_exists(path), ErrorCode::unsupported, path,
                    ": expected a model directory or a .safetensors file");
            require(file_exists(path), ErrorCode::io, path, ": no such file or directory");
        }
        files.config_ = read_json_file(files.path_of("config.json"));
        files.open_weights(weights, options);
        return files;
    }

    const std::string& directory() const { return directory_; }
    /// config.json
    const Json& config() const { return config_; }

    /// All tensors, shard after shard.
    const std::vector<StoredTensor>& tensors() const { return tensors_; }
    /// The tensor of that name, or null.
    const StoredTensor* find(std::string_view name) const { return index_.find(tensors_, name, detail::tensor_name); }
    /// The safetensors files, with their metadata.
    const std::vector<Safetensors>& shards() const { return shards_; }
    /// What keeps the tensors' bytes alive.
    std::shared_ptr<const void> owner() const {
        auto owners = std::make_shared<std::vector<std::shared_ptr<const void>>>();
        for (const auto& shard : shards_) owners->push_back(shard.owner());
        return owners;
    }

    /// The path of a file of the directory. Throws bad_header for a name that would lead out of it.
    std::string path_of(std::string_view name) const {
        bool inside = !name.empty() && name.front() != '/' && name.find('\0') == std::string_view::npos;
        for (std::string_view rest = name; inside && !rest.empty();) {
            const std::size_t slash = std::min(rest.find('/'), rest.size());
            inside = rest.substr(0, slash) != "..";
            rest.remove_prefix(std::min(slash + 1, rest.size()));
        }
        if (!inside) fail(ErrorCode::bad_header, directory_, ": the file name ", detail::excerpt(name), " leads out of the model's directory");
        return (directory_.ends_with('/') ? directory_ : directory_ + "/") + std::string(name);
    }
    bool has(std::string_view name) const { return file_exists(path_of(name)); }
    /// A JSON file of the directory; nothing when there is none. Throws bad_json, io.
    std::optional<Json> json(std::string_view name) const {
        if (!has(name)) return std::nullopt;
        return read_json_file(path_of(name));
    }

    std::optional<Json> generation_config() const { return json("generation_config.json"); }
    std::optional<Json> tokenizer() const { return json("tokenizer.json"); }
    std::optional<Json> tokenizer_config() const { return json("tokenizer_config.json"); }
    /// The sentence-transformers files: the list of modules, how tokens are pooled, and the limit on the length.
    std::optional<Json> modules() const { return json("modules.json"); }
    std::optional<Json> sentence_bert_config() const { return json("sentence_bert_config.json"); }
    /// The pooling module's config.json, where modules.json says, or else under 1_Pooling.
    std::optional<Json> pooling() const {
        if (const auto list = modules()) {
            for (const auto& module : list->elements())
                if (module.get_or("type", "").ends_with("Pooling")) return json(module.at("path").as_string() + "/config.json");
        }
        return json("1_Pooling/config.json");
    }

private:
    ModelFiles() = default;

    void open_weights(const std::string& name, const LoadOptions& options) {
        const std::string list = name + ".index.json";
        if (has(name) || !has(list)) {
            require(has(name) || !has("pytorch_model.bin"), ErrorCode::unsupported, directory_,
                    ": the weights are pytorch_model.bin, which is not read; convert them to model.safetensors");
            shards_.push_back(Safetensors::open(path_of(name), options));
            tensors_ = shards_.back().tensors();
        } else {
            open_shards(read_json_file(path_of(list)), options);
        }
        index_.build(tensors_, detail::tensor_name);
    }

    void open_shards(const Json& list, const LoadOptions& options) {
        const Json& map = list.at("weight_map");
        std::set<std::string> names;
        for (const auto& [name, shard] : map.items()) names.insert(shard.as_string());
        for (const auto& shard : names) {
            shards_.push_back(Safetensors::open(path_of(shard), options));
            for (const auto& tensor : shards_.back().tensors()) {
                const Json* named = map.find(tensor.name);
                if (named == nullptr)
                    fail(ErrorCode::surplus_tensor, path_of(shard), ": tensor ", detail::excerpt(tensor.name), " is not in ", list.place());
                if (named->as_string() == shard) tensors_.push_back(tensor);
            }
        }
        // Each tensor was taken from the shard that the map names, so each entry that is left was missing there.
        detail::NameIndex found;
        found.build(tensors_, detail::tensor_name);
        for (const auto& [name, shard] : map.items())
            if (found.find(tensors_, name, detail::tensor_name) == nullptr)
                fail(ErrorCode::missing_tensor, path_of(shard.as_string()), ": tensor ", detail::excerpt(name), " is missing; ", list.place(),
                     " says that it is there");
    }

    std::string directory_;
    Json config_;
    std::vector<Safetensors> shards_;
    std::vector<StoredTensor> tensors_;
    detail::NameIndex index_;
};

}  // namespace tercet::inline TERCET_ABI
