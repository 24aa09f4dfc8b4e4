// Checkpoints of a training run:
//
//   training file                      all that the next step depends on: the weights, the optimiser's state, rate and step counts, and as
//                                      metadata the step, the generator's seed and position, the place in the data, what schedules and early
//                                      stopping remember, and the caller's own notes
//   model.safetensors, config.json     the model alone, as any loader of a model directory reads it
//
// A run resumes from the training file alone, and ends with the same bits as one that never stopped. The file is written beside its place,
// brought to the disk and renamed, so whenever the power fails there is one whole state to go on from; it ends with a checksum, so damage is
// refused and never trained on. A directory of them is in train/checkpoint_store.hpp.
#pragma once

#include "tercet/data/order.hpp"
#include "tercet/models/config_json.hpp"
#include "tercet/nn/save.hpp"
#include "tercet/train/optimizer.hpp"

#include <charconv>

namespace tercet::inline TERCET_ABI {

/// Where a run stands, beside its weights and its optimiser.
struct TrainingState {
    std::int64_t step = 0;                       // steps done
    Generator generator{};                       // of batches, dropout: whatever the run draws
    OrderPosition data{};                        // the place in an order of the examples
    std::map<std::string, double> memory{};      // numbers that the next step goes on from: of schedules, of early stopping
    std::map<std::string, std::string> notes{};  // the caller's: what the run's numbers depend on, kept as they are
    std::vector<NamedTensor<float>> tensors{};   // more that the run changes, beside what the optimiser holds: averages, running statistics
};

namespace detail {

// The names and elements of everything a run consists of, in one order for writing and reading.
template <class Rule, Real T>
std::vector<NamedTensor<T>> training_tensors(const Optimizer<Rule, T>& optimizer, const TrainingState& state) {
    std::vector<NamedTensor<T>> all = optimizer.state();
    for (const auto& [name, tensor] : optimizer.parameters()) all.push_back({"weight." + name, tensor});
    for (const auto& [name, tensor] : state.tensors) {
        require(tensor.is_contiguous(), ErrorCode::invalid_argument, "training state: tensor '", name, "' ", tensor.shape(), " must be contiguous");
        all.push_back({"state." + name, tensor});
    }
    return all;
}

inline constexpr std::string_view training_format = "tercet training 2";

// A text that reads back as the same number, NaN and infinities too.
template <class Number>
std::string exact_text(Number value) {
    char buffer[32];
    return {buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr};
}

template <class Number>
Number metadata_number(const Safetensors& file, const std::string& key) {
    const auto at = file.metadata().find(key);
    require(at != file.metadata().end(), ErrorCode::missing_key, file.source(), ": the metadata has no '", key, "'");
    const std::string& text = at->second;
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool allowed = std::is_floating_point_v<Number> || value >= 0;
    require(error == std::errc() && end == text.data() + text.size() && allowed, ErrorCode::bad_header, file.source(), ": the metadata's '", key,
            "' is ", excerpt(text, 40), ", not a ", std::is_floating_point_v<Number> ? "number" : "count");
    return value;
}

template <Element T>
const StoredTensor& training_tensor(const Safetensors& file, const std::string& name, StorageType type, const Tensor<T>& like) {
    const StoredTensor* stored = file.find(name);
    require(stored != nullptr, ErrorCode::missing_tensor, file.source(), ": tensor '", name, "' of the run is not there");
    require(stored->shape == like.shape(), ErrorCode::shape_mismatch, file.source(), ": tensor '", name, "': the run expects shape ", like.shape(),
            ", the file has ", stored->shape);
    require(stored->type == type, ErrorCode::dtype_mismatch, file.source(), ": tensor '", name, "': expected ", type, ", the file has ",
            stored->type);
    return *stored;
}

template <Element T>
void copy_bytes(Tensor<T>& to, const StoredTensor& from) {
    if (!from.bytes.empty()) std::memcpy(to.mutable_data(), from.bytes.data(), from.bytes.size());
}

}  // namespace detail

/// Writes where a run stands as `path`, whole or not at all, and on the disk when it returns; the file that was there stays until then.
/// `measure` is the run's score at this step, for those who choose among its checkpoints. Throws io, when the disk is full too.
template <class Rule>
void save_training(const std::string& path, const Optimizer<Rule, float>& optimizer, const TrainingState& state,
                   std::optional<double> measure = std::nullopt) {
    std::vector<StoredTensor> stored;
    const auto tensors = detail::training_tensors(optimizer, state);
    for (const auto& [name, tensor] : tensors) stored.push_back({name, StorageType::f32, tensor.shape(), std::as_bytes(tensor.detach().span())});
    const auto steps = optimizer.steps();
    stored.push_back({"steps", StorageType::i64, {static_cast<index_t>(steps.size())}, std::as_bytes(std::span(steps))});
    std::map<std::string, std::string> metadata{
        {"format", std::string(detail::training_format)}, {"rule", std::string(optimizer.rule_name())},
        {"rate", detail::exact_text(optimizer.rate())},   {"step", std::to_string(state.step)},
        {"seed", std::to_string(state.generator.seed())}, {"position", std::to_string(state.generator.position())},
        {"epoch", std::to_string(state.data.epoch)},      {"example", std::to_string(state.data.index)}};
    if (measure) metadata.emplace("measure", detail::exact_text(*measure));
    for (const auto& [key, value] : state.memory) metadata.emplace("memory." + key, detail::exact_text(value));
    for (const auto& [key, value] : state.notes) metadata.emplace("note." + key, value);
    write_safetensors(path, stored, metadata, {.durable = true, .checksum = true});
}

/// Where the run in a file stands, without its tensors: to see what it was before a model is made. Throws bad_header for another kind
/// of file, and missing_key.
inline TrainingState read_training_state(const Safetensors& file) {
    const auto format = file.metadata().find("format");
    require(format != file.metadata().end() && format->second == detail::training_format, ErrorCode::bad_header, file.source(),
            ": not the state of a training run (its metadata has no format '", detail::training_format, "')");
    TrainingState state;
    state.step = detail::metadata_number<std::int64_t>(file, "step");
    state.generator = Generator(detail::metadata_number<std::uint64_t>(file, "seed"), detail::metadata_number<std::uint64_t>(file, "position"));
    state.data = {detail::metadata_number<std::int64_t>(file, "epoch"), detail::metadata_number<std::int64_t>(file, "example")};
    for (const auto& [key, value] : file.metadata()) {
        if (key.starts_with("note.")) state.notes.emplace(key.substr(5), value);
        if (key.starts_with("memory.")) state.memory.emplace(key.substr(7), detail::metadata_number<double>(file, key));
    }
    return state;
}

/// Puts the weights, the optimiser's state, rate and step counts back, in place, and the rest into `state`. The run must be the one that was
/// saved: an optimiser of the same rule over the same tensors, every note of `state` in the file as it is, and the same names in state.tensors.
/// Where it is not, throws invalid_argument, missing_tensor, surplus_tensor, shape_mismatch or dtype_mismatch, and damaged for a file whose
/// checksum does not hold: before anything is changed.
template <class Rule>
void load_training(const std::string& path, Optimizer<Rule, float>& optimizer, TrainingState& state) {
    const Safetensors file = Safetensors::open_checked(path);
    TrainingState found = read_training_state(file);
    const auto rule = file.metadata().find("rule");
    require(rule != file.metadata().end() && rule->second == optimizer.rule_name(), ErrorCode::invalid_argument, path, ": the run was trained by '",
            rule == file.metadata().end() ? "" : rule->second, "', not by '", optimizer.rule_name(), "'");
    for (const auto& [key, value] : state.notes) {
        const auto at = found.notes.find(key);
        require(at != found.notes.end(), ErrorCode::invalid_argument, path, ": the run has no ", key, ", it should be ", value);
        require(at->second == value, ErrorCode::invalid_argument, path, ": the run has ", key, " ", at->second, ", not ", value);
    }
    const double rate = detail::metadata_number<double>(file, "rate");
    require(rate >= 0 && std::isfinite(rate), ErrorCode::bad_header, path, ": a learning rate of ", rate);
    auto tensors = detail::training_tensors(optimizer, state);
    std::vector<const StoredTensor*> sources;
    for (const auto& [name, tensor] : tensors) sources.push_back(&detail::training_tensor(file, name, StorageType::f32, tensor));
    auto steps = Tensor<std::int64_t>::empty({static_cast<index_t>(optimizer.parameters().size())});
    detail::copy_bytes(steps, detail::training_tensor(file, "steps", StorageType::i64, steps));
    require(file.tensors().size() == tensors.size() + 1, ErrorCode::surplus_tensor, path, ": ", file.tensors().size(), " tensors, the run has ",
            tensors.size() + 1);
    for (const auto count : steps.span()) require(count >= 0, ErrorCode::bad_header, path, ": a step count of ", count);

    const NoGrad guard;
    for (std::size_t i = 0; i < tensors.size(); ++i) detail::copy_bytes(tensors[i].tensor, *sources[i]);
    optimizer.set_steps(steps.span());
    optimizer.set_rate(rate);
    found.tensors = std::move(state.tensors);
    state = std::move(found);
}

}  // namespace tercet::inline TERCET_ABI
