// What a model's layers compute in a forward pass, by the names of their weights in the checkpoint: any activation, and any attention's map.
//
//   explain::Capture capture(model);
//   model(ids);
//   capture.output("model.layers.3.self_attn.o_proj")     // (B, T, C)
//   capture.input("model.layers.3.mlp.down_proj")         // (B, T, inner): the neurons of the MLP, which its last layer reads (Geva et al. 2021)
//   capture.attention("model.layers.3.self_attn")         // (B, H, T, T): how much each token attends to each, the rows' sum 1
//
// While it lives, a capture hears of what its thread computes (ops/observer.hpp). Attention is computed without its map being held; the map is made
// anew from queries and keys when it is asked for.
#pragma once

#include "tercet/nn/module.hpp"
#include "tercet/ops/attention.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tercet::inline TERCET_ABI::explain {

/// One computation of a layer. What a fully connected layer adds to its result at once, an activation or a residual, is in the output. A table that
/// is looked into has no input.
struct Activation {
    Tensor<float> input, output;
};

class Capture final : Observer {
public:
    /// Keeps what layers compute whose names match one of the patterns ("*.mlp.*", see matches_pattern()): a layer's name is its weight's, without
    /// ".weight"; a table of embeddings that logits are made by, too, is then named with ".output" behind. The model must outlive the capture and
    /// stay where it is.
    template <class Model>
    explicit Capture(const Model& model, std::vector<std::string> patterns = {"*"}) : patterns_(std::move(patterns)), names_(layer_names(model)) {}

    /// The layers that have computed something, and the attentions, in the order of their first time.
    const std::vector<std::string>& layers() const { return layers_.order; }
    const std::vector<std::string>& attentions() const { return attentions_.order; }

    /// What the layer made when it was last called, and of what. Throws invalid_argument for a layer that has computed nothing.
    const Tensor<float>& output(const std::string& name) const { return all(name).back().output; }
    const Tensor<float>& input(const std::string& name) const { return all(name).back().input; }
    /// Each time in turn, as the steps of a generation are.
    const std::vector<Activation>& all(const std::string& name) const { return layers_.at(name, "layer"); }

    /// The map (B, H, Tq, Tk) of an attention's last time; one is named as the module of the weights that made its values. Throws invalid_argument
    /// for an attention that has computed nothing.
    Tensor<float> attention(const std::string& name) const {
        const NoGrad guard;
        const auto& last = attentions_.at(name, "attention");
        return attention_weights(last.query, last.key, last.options, last.bias);
    }

    /// Forgets what has been computed.
    void clear() {
        layers_ = {};
        attentions_ = {};
    }

private:
    // By name, and the names in the order of their first use.
    template <class One>
    struct ByName {
        std::vector<std::string> order;
        std::unordered_map<std::string, One> held;

        One& operator[](const std::string& name) {
            const auto [at, is_new] = held.try_emplace(name);
            if (is_new) order.push_back(name);
            return at->second;
        }
        const One& at(const std::string& name, std::string_view what) const {
            const auto found = held.find(name);
            require(found != held.end(), ErrorCode::invalid_argument, "capture: no ", what, " '", name, "' has computed anything; there ",
                    order.empty() ? std::string("is none")
                                  : "are " + std::to_string(order.size()) + ", from '" + order.front() + "' to '" + order.back() + "'");
            return found->second;
        }
    };
    struct Attended {
        Tensor<float> query, key, bias;
        AttentionOptions options;
    };

    Tensor<float> layer(const void* weight, const Tensor<float>& input, const Tensor<float>& output) override {
        const auto known = names_.find(weight);
        if (known == names_.end()) return output;
        last_ = known->second;
        if (input.storage() == nullptr) tables_.insert(weight);
        else if (tables_.count(weight) != 0) last_ += ".output";
        if (matches_pattern(patterns_, last_)) layers_[last_].push_back({input.detach(), output.detach()});
        return output;
    }
    void attention(const Tensor<float>& query, const Tensor<float>& key, const AttentionOptions& options, const Tensor<float>& bias) override {
        const std::string name = last_.substr(0, last_.rfind('.') == std::string::npos ? last_.size() : last_.rfind('.'));
        if (matches_pattern(patterns_, name)) attentions_[name] = {query.detach(), key.detach(), bias.detach(), options};
    }

    std::vector<std::string> patterns_;
    std::unordered_map<const void*, std::string> names_;
    std::unordered_set<const void*> tables_;  // that have been looked into
    std::string last_;                        // the layer that was computed last: an attention is of the same module
    ByName<std::vector<Activation>> layers_;
    ByName<Attended> attentions_;
};

}  // namespace tercet::inline TERCET_ABI::explain
