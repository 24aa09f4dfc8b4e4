// A model as a directory that other loaders read too: its weights under their names, and what they are.
#pragma once

#include "tercet/io/directory.hpp"
#include "tercet/nn/load.hpp"

namespace tercet::inline TERCET_ABI {

/// Writes a model directory: model.safetensors and config.json, each whole or not at all. Makes the directory where it is missing. Throws io.
template <class Module>
void save_model(const std::string& directory, const Module& model, std::string_view config) {
    make_directory(directory);
    write_file_atomically(join_path(directory, "config.json"), config, {.durable = true});
    save_weights(model, join_path(directory, "model.safetensors"), {{"format", "pt"}}, {.durable = true});
}

}  // namespace tercet::inline TERCET_ABI
