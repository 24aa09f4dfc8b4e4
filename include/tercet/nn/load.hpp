// Loading and saving a module's weights: named bytes from a file, matched by name with what the module names in visit().
#pragma once

#include "tercet/io/hub.hpp"
#include "tercet/nn/module.hpp"

#include <algorithm>
#include <functional>

namespace tercet::inline TERCET_ABI {

/// A checkpoint's tensors, whatever the file was: names as the module has them, bytes kept alive by `owner`.
struct Checkpoint {
    std::string source;  // for messages
    std::vector<StoredTensor> tensors;
    std::shared_ptr<const void> owner;
    bool out_first = false;  // every matrix is (out, in), as GGUF writes them, also where the module has (in, out)

    const StoredTensor* find(std::string_view name) const {
        const auto at = std::find_if(tensors.begin(), tensors.end(), [&](const StoredTensor& t) { return t.name == name; });
        return at == tensors.end() ? nullptr : &*at;
    }
};

/// The tensors of a directory.
inline Checkpoint checkpoint_from(const ModelFiles& files) {
    return {files.shards().size() == 1 ? files.shards()[0].source() : files.directory(), files.tensors(), files.owner(), false};
}

namespace detail {

// Checkpoints saved from the bare model leave out the prefix that the model with a head has, and the other way round: all names get
// `prefix` when none but `without` has it, or lose it.
inline void add_prefix(Checkpoint& checkpoint, std::string_view prefix, std::string_view without) {
    for (const auto& t : checkpoint.tensors)
        if (t.name.starts_with(prefix)) return;
    for (auto& t : checkpoint.tensors)
        if (!t.name.starts_with(without)) t.name.insert(0, prefix);
}
inline void drop_prefix(Checkpoint& checkpoint, std::string_view prefix) {
    for (auto& t : checkpoint.tensors)
        if (t.name.starts_with(prefix)) t.name.erase(0, prefix.size());
}

}  // namespace detail

struct WeightLoading {
    bool trainable = false;                      // weights as dense f32 on the tape; otherwise packed, or as stored
    std::vector<std::string> trained{};          // with trainable: only those whose names match one of these patterns; all when empty
    std::vector<std::string> ignored_endings{};  // tensors that may be there and are not needed: buffers, the other heads
    std::stop_token stop{};                      // cancels between two tensors
    std::optional<StorageType> weights{};        // what matrices that the file has in float32 become, unless trained; packed float32 without
    Activations activations = Activations::f32;  // what activations become where they meet these weights
    // Fills a weight that the checkpoint lacks, and says that it did; without, or where it says no, the weight is missing.
    std::function<bool(const std::string& name, Weight& weight)> fresh{};
};

namespace detail {

inline Tensor<float> dense_from(const StoredTensor& t) {
    auto dense = Tensor<float>::empty(t.shape);
    dequantize(t.type, t.bytes, {dense.mutable_data(), static_cast<std::size_t>(dense.numel())});
    return dense;
}

// One weight from its stored tensor.
inline void fill_weight(Weight& w, const StoredTensor& t, const Checkpoint& checkpoint, const WeightLoading& how, bool trainable) {
    w.set_activations(how.activations);
    const bool matrix = w.shape().rank() == 2, plain = t.type == StorageType::f32,
               out_first = matrix && w.order() == WeightOrder::in_out && checkpoint.out_first;
    const Shape expected = out_first ? Shape{w.out_features(), w.in_features()} : w.shape();
    require(t.shape == expected, ErrorCode::shape_mismatch, checkpoint.source, ": tensor '", t.name, "': the model expects shape ", expected,
            ", the file has ", t.shape);
    require(is_supported_block(t.type) || visit_plain(t.type, [](auto) {}), ErrorCode::unsupported, checkpoint.source, ": tensor '", t.name,
            "': the type ", t.type, " is not supported");
    if (!trainable && matrix && !plain && Weight::can_multiply(t.type) && (w.order() == WeightOrder::out_in || out_first)) {
        w.set(t.type, t.shape, t.bytes, checkpoint.owner);
        return w.pack();
    }
    auto dense = dense_from(t);
    w.set(out_first ? dense.transpose().contiguous() : std::move(dense));
    if (trainable) w.tensor().requires_grad();
    else {
        if (how.weights && plain) w.store_as(*how.weights);
        w.pack();
    }
}

}  // namespace detail

/// Fills every weight of the module from the tensor of its name, and gives back the memory that packing took. Throws missing_tensor, surplus_tensor
/// and shape_mismatch with the file and the tensor's name, and cancelled.
template <class Module>
void load_weights(Module& module, const Checkpoint& checkpoint, const WeightLoading& how = {}) {
    std::unordered_map<std::string_view, const StoredTensor*> left;
    for (const auto& t : checkpoint.tensors) left.emplace(t.name, &t);
    std::string missing;
    index_t missing_count = 0;
    bool any_trained = false;
    for_each_weight(module, [&](const std::string& name, Weight& w) {
        require(!how.stop.stop_requested(), ErrorCode::cancelled, checkpoint.source, ": loading was cancelled");
        const auto found = left.find(name);
        const bool trained = how.trainable && (how.trained.empty() || matches_pattern(how.trained, name));
        any_trained = any_trained || trained;
        if (found == left.end()) {
            if (how.fresh && how.fresh(name, w)) return;
            if (++missing_count <= 3) missing += (missing.empty() ? "'" : ", '") + name + "'";
            return;
        }
        detail::fill_weight(w, *found->second, checkpoint, how, trained);
        left.erase(found);
    });
    trim_memory();
    require(!how.trainable || any_trained || how.trained.empty(), ErrorCode::invalid_argument, checkpoint.source,
            ": no weight of the model has a name as '", how.trained.empty() ? "" : how.trained[0], "', which was to be trained");
    require(missing_count == 0, ErrorCode::missing_tensor, checkpoint.source, ": ", missing_count,
            " tensors that the model needs are not there: ", missing, missing_count > 3 ? ", …" : "");
    for (const auto& t : checkpoint.tensors) {  // in the file's order, so that the message is always the same
        const bool ignored =
            std::any_of(how.ignored_endings.begin(), how.ignored_endings.end(), [&](const std::string& ending) { return t.name.ends_with(ending); });
        require(!left.contains(t.name) || ignored, ErrorCode::surplus_tensor, checkpoint.source, ": tensor '", t.name, "' ", t.shape,
                " has no place in the model");
    }
}

/// Throws missing_tensor or shape_mismatch, with the file and the tensor's name, unless a checkpoint has a tensor of each weight's shape.
template <class Module>
void check_weights(const Module& module, const Checkpoint& checkpoint) {
    for_each_weight(module, [&](const std::string& name, const Weight& w) {
        const StoredTensor* t = checkpoint.find(name);
        require(t != nullptr, ErrorCode::missing_tensor, checkpoint.source, ": tensor '", name, "' that the model needs is not there");
        require(t->shape == w.shape(), ErrorCode::shape_mismatch, checkpoint.source, ": tensor '", name, "': the model expects shape ", w.shape(),
                ", the file has ", t->shape);
    });
}

/// The module's weights as a safetensors file, in float32. Writes beside the file and renames, so a file is whole or not there. Throws io, and
/// invalid_argument for a module with adapters that are not merged.
template <class Module>
void save_weights(const Module& module, const std::string& path, const std::map<std::string, std::string>& metadata = {{"format", "pt"}},
                  const SafetensorsOptions& options = {}) {
    std::vector<Tensor<float>> kept;
    std::vector<StoredTensor> tensors;
    for_each_weight(module, [&](const std::string& name, const Weight& w) {
        require(w.low_rank() == nullptr, ErrorCode::invalid_argument, path, ": '", name,
                "' has an adapter beside it; merge it first (merge_lora), or save it alone (save_lora)");
        kept.push_back(w.is_dense() ? w.tensor().detach().contiguous() : w.to_dense());
        const auto values = kept.back().span();
        tensors.push_back({name, StorageType::f32, kept.back().shape(), std::as_bytes(values)});
    });
    write_safetensors(path, tensors, metadata, options);
}

}  // namespace tercet::inline TERCET_ABI
