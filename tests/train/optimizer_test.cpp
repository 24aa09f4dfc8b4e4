// Optimisers against PyTorch: trajectories on given gradients, and five steps of whole models.
#include "tercet/train/optimizer.hpp"
#include "support/model_golden.hpp"
#include "tercet/models/auto.hpp"
#include "tercet/ops/loss.hpp"

using namespace tercet;
using golden::Expected;

namespace {

const std::string folder = std::string(TERCET_TEST_DATA) + "/optim/";

template <class T>
Tensor<T> read(const Safetensors& file, const std::string& name) {
    const StoredTensor* stored = file.find(name);
    INFO(file.source() << ": " << name);
    REQUIRE(stored != nullptr);
    auto t = Tensor<T>::empty(stored->shape);
    REQUIRE(stored->bytes.size() == sizeof(T) * static_cast<std::size_t>(t.numel()));
    std::memcpy(t.mutable_data(), stored->bytes.data(), stored->bytes.size());
    return t;
}

// Sets a leaf's gradient: backward of a sum with dy does it.
template <class T>
void give_gradient(const Tensor<T>& leaf, const Tensor<T>& gradient) {
    (leaf * T(1)).backward(gradient);
}

// The largest deviation of a rule's trajectory from PyTorch's in a golden run, in T.
template <class T, class Rule>
double replay(const std::string& run, const Rule& rule) {
    const auto file = Safetensors::open(folder + run + ".safetensors");
    std::vector<NamedTensor<T>> parameters;
    for (const std::string name : {"w", "b", "t"}) {
        auto tensor = read<float>(file, "p0." + name).template to<T>();
        tensor.requires_grad();
        parameters.push_back({name, tensor});
    }
    Optimizer optimizer(parameters, rule);
    double worst = 0;
    const index_t steps = read<float>(file, "grad.w").size(0);
    for (index_t i = 0; i < steps; ++i) {
        for (const auto& [name, tensor] : parameters) give_gradient(tensor, read<float>(file, "grad." + name)[i].template to<T>().clone());
        optimizer.step();
        optimizer.zero_grad();
        for (const auto& [name, tensor] : parameters) {
            const auto got = tensor.to_vector(), want = read<T>(file, "param." + name + (sizeof(T) == 4 ? ".f32" : ".f64"))[i].to_vector();
            for (std::size_t k = 0; k < got.size(); ++k) worst = std::max(worst, static_cast<double>(std::abs(got[k] - want[k])));
        }
    }
    CHECK(optimizer.steps() == std::vector<std::int64_t>(3, steps));
    return worst;
}

template <class Rule>
void check_run(const std::string& run, const Rule& rule) {
    INFO(run);
    const double single = replay<float>(run, rule), twice = replay<double>(run, rule);
    CHECK(single <= 1e-5);
    CHECK(twice <= 1e-11);
    WARN(run << ": f32 deviates by " << single << ", f64 by " << twice);
}

// A scalar parameter with a gradient, for small checks.
Tensor<float> leaf(std::initializer_list<float> values, const Shape& shape) {
    auto x = Tensor<float>::copy(values, shape);
    x.requires_grad();
    return x;
}

Tensor<float> loss_of(const std::string& name, const Expected& expected, const CausalModel* causal, const Bert* bert) {
    if (causal != nullptr) {
        const auto labels = expected.ids("labels");
        const index_t T = labels.size(1);
        return cross_entropy(slice(forward(*causal, expected.ids("input_ids")), 1, 0, T - 1), labels.slice(1, 1, T));
    }
    INFO(name);
    const auto mask = expected.ids("attention_mask").to<std::uint8_t>();
    const auto types = expected.ids("token_type_ids");
    const auto out = (*bert)(expected.ids("input_ids"), {.attention_mask = &mask, .type_ids = &types});
    return mse_loss(out.last_hidden_state, expected.real("target_hidden")) + mse_loss(out.pooler_output, expected.real("target_pooler"));
}

// Five steps at 1e-3 with decay 0.1 on everything.
template <class Module>
void check_model(const std::string& name, Module& module, const CausalModel* causal, const Bert* bert) {
    INFO(name);
    const Expected expected(golden::model_folder(name) + "/expected.safetensors");
    const Json meta = read_json_file(golden::model_folder(name) + "/meta.json");
    Optimizer optimizer(parameters_of(module), AdamW{.rate = 1e-3, .weight_decay = 0.1});
    const auto losses = expected.real("adamw.losses").to_vector();
    double loss_deviation = 0;
    for (const float want : losses) {
        const auto loss = loss_of(name, expected, causal, bert);
        loss_deviation = std::max(loss_deviation, std::abs(static_cast<double>(loss.item()) - static_cast<double>(want)));
        loss.backward();
        optimizer.step();
        optimizer.zero_grad();
    }
    CHECK(loss_deviation <= 2e-5);
    double worst = 0;
    for (const auto& [parameter, tensor] : optimizer.parameters()) {
        INFO(parameter);
        const Json* unstable = meta.find("adamw_param_unstable");
        const bool loose = unstable != nullptr && unstable->find("adamw.param." + parameter) != nullptr;
        const auto got = tensor.to_vector(), want = expected.real("adamw.param." + parameter).to_vector();
        REQUIRE(got.size() == want.size());
        int off = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            const double d = std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i]));
            if (d > 5e-5) ++off;
            CHECK(d <= (loose ? 5e-3 : 2e-3));
            if (!loose && d <= 5e-5) worst = std::max(worst, d);
        }
        if (!loose) CHECK(off <= 2);  // elements whose gradient is near zero
    }
    WARN(name << ": five AdamW steps, losses deviate by " << loss_deviation << ", stable parameters by " << worst);
}

}  // namespace

TEST_CASE("optimizer: SGD follows PyTorch's, plain, with momentum, dampening, decay and Nesterov") {
    const Json runs = read_json_file(folder + "runs.json");
    int met = 0;
    for (const auto& [name, run] : runs.at("runs").items()) {
        if (name.substr(0, 3) != "sgd") continue;
        const Json args = run.at("args");
        check_run(name, Sgd{.rate = args.at("lr").as_number(),
                            .momentum = args.get_or("momentum", 0.0),
                            .dampening = args.get_or("dampening", 0.0),
                            .weight_decay = args.get_or("weight_decay", 0.0),
                            .nesterov = args.get_or("nesterov", false)});
        ++met;
    }
    CHECK(met == 5);
}

TEST_CASE("optimizer: AdamW follows PyTorch's, with other betas and with amsgrad") {
    const Json runs = read_json_file(folder + "runs.json");
    int met = 0;
    for (const auto& [name, run] : runs.at("runs").items()) {
        if (name.substr(0, 5) != "adamw") continue;
        const Json args = run.at("args");
        AdamW rule{.rate = args.at("lr").as_number(),
                   .eps = args.get_or("eps", 1e-8),
                   .weight_decay = args.get_or("weight_decay", 0.01),
                   .amsgrad = args.get_or("amsgrad", false)};
        if (const Json* betas = args.find("betas")) {
            rule.beta1 = betas->at(0).as_number();
            rule.beta2 = betas->at(1).as_number();
        }
        check_run(name, rule);
        ++met;
    }
    CHECK(met == 3);
}

TEST_CASE("optimizer: five AdamW steps of GPT-2, Llama and BERT give transformers' losses and weights") {
    for (const std::string name : {"gpt2", "llama"}) {
        CausalModel model = load_causal_model(ModelFiles::open(golden::model_folder(name)), {.trainable = true});
        std::visit([&](auto& m) { check_model(name, m, &model, nullptr); }, model);
    }
    Bert bert = load_bert(ModelFiles::open(golden::model_folder("bert-base")), {.trainable = true});
    check_model("bert-base", bert, nullptr, &bert);
}

TEST_CASE("optimizer: groups free biases of decay, scale a rate, and freeze with a rate of 0") {
    const auto matrix = leaf({1, 1, 1, 1}, {2, 2}), bias = leaf({1, 1}, {2}), frozen = leaf({1}, {1}), slow = leaf({1}, {1});
    const Grouping grouping = [](std::string_view name, const Shape& shape) {
        if (name == "frozen") return ParameterGroup{0, 1};
        if (name == "slow") return ParameterGroup{0.5, 0};
        return decay_matrices_only(name, shape);
    };
    Optimizer optimizer(std::vector<NamedTensor<float>>{{"matrix", matrix}, {"bias", bias}, {"frozen", frozen}, {"slow", slow}},
                        Sgd{.rate = 0.1, .weight_decay = 0.5}, grouping);
    for (const auto& [name, x] : optimizer.parameters()) give_gradient(x, Tensor<float>::ones(x.shape()));
    optimizer.step();
    CHECK(matrix(0, 0) == Approx(1 - 0.1 * 1.5));
    CHECK(bias(0) == Approx(0.9));
    CHECK(frozen(0) == 1.f);
    CHECK(slow(0) == Approx(0.95));
    CHECK(optimizer.steps() == std::vector<std::int64_t>{1, 1, 0, 1});
}

TEST_CASE("optimizer: a tensor without a gradient stays as it is, and its steps are not counted") {
    const auto x = leaf({1}, {1}), y = leaf({1}, {1});
    Optimizer optimizer(std::vector<NamedTensor<float>>{{"x", x}, {"y", y}}, AdamW{.rate = 0.1});
    give_gradient(x, Tensor<float>::ones({1}));
    optimizer.step();
    CHECK(x(0) != 1.f);
    CHECK(y(0) == 1.f);
    CHECK(optimizer.steps() == std::vector<std::int64_t>{1, 0});
    optimizer.zero_grad();
    CHECK(x.grad().storage() == nullptr);
}

TEST_CASE("optimizer: its state is named after slot and tensor, and shares its elements") {
    const auto x = leaf({1, 2}, {2});
    Optimizer optimizer(std::vector<NamedTensor<float>>{{"x", x}}, AdamW{.amsgrad = true});
    auto state = optimizer.state();
    REQUIRE(state.size() == 3);
    CHECK(state[0].name == "exp_avg.x");
    CHECK(state[1].name == "exp_avg_sq.x");
    CHECK(state[2].name == "max_exp_avg_sq.x");
    state[0].tensor.fill(5);
    CHECK(optimizer.state()[0].tensor(1) == 5.f);
    CHECK(Optimizer(std::vector<NamedTensor<float>>{{"x", x}}, Sgd{}).state().empty());
    CHECK(Optimizer(std::vector<NamedTensor<float>>{{"x", x}}, Sgd{.momentum = 0.9}).state()[0].name == "momentum.x");
    const std::int64_t counts[] = {7};
    optimizer.set_steps(counts);
    CHECK(optimizer.steps()[0] == 7);
    CHECK_ERROR(optimizer.set_steps({}), ErrorCode::shape_mismatch);
}

TEST_CASE("optimizer: options out of range and tensors that cannot be trained are refused") {
    const auto x = leaf({1, 2, 3, 4}, {2, 2});
    const auto with = [&](const auto& rule) { return Optimizer(std::vector<NamedTensor<float>>{{"x", x}}, rule); };
    CHECK_ERROR(with(AdamW{.rate = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(with(AdamW{.beta1 = 1}), ErrorCode::invalid_argument);
    CHECK_ERROR(with(AdamW{.beta2 = -0.1}), ErrorCode::invalid_argument);
    CHECK_ERROR(with(AdamW{.eps = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(with(Sgd{.momentum = -1}), ErrorCode::invalid_argument);
    CHECK_ERROR(with(Sgd{.nesterov = true}), ErrorCode::invalid_argument);
    auto fine = with(AdamW{});
    fine.set_rate(0.5);
    CHECK(fine.rate() == 0.5);
    CHECK(fine.rule().rate == 0.5);
    CHECK_ERROR(fine.set_rate(-0.5), ErrorCode::invalid_argument);
    CHECK_ERROR(Optimizer(std::vector<NamedTensor<float>>{{"x", x.detach()}}, Sgd{}), ErrorCode::invalid_argument);
    CHECK_ERROR(Optimizer(std::vector<NamedTensor<float>>{{"x", x.detach().transpose().requires_grad()}}, Sgd{}), ErrorCode::invalid_argument);
}

TEST_CASE("optimizer: parameters_of gives the weights on the tape, in the module's order") {
    Linear layer(2, 3);
    layer.weight.set(Tensor<float>::ones({3, 2}));
    layer.bias.set(Tensor<float>::ones({3}));
    CHECK(parameters_of(layer).empty());
    layer.bias.tensor().requires_grad();
    REQUIRE(parameters_of(layer).size() == 1);
    CHECK(parameters_of(layer)[0].name == "bias");
    set_trainable(layer);
    REQUIRE(parameters_of(layer).size() == 2);
    CHECK(parameters_of(layer)[0].name == "weight");
    CHECK(parameters_of(layer)[0].tensor.data() == layer.weight.tensor().data());
}
