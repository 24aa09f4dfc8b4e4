// Optimizers against PyTorch: trajectories on given gradients.
#include "tercet/train/optimizer.hpp"
#define TERCET_DEFINE_OPERATOR_NEW
#include "support/allocations.hpp"
#include "support/isa.hpp"
#include "support/training.hpp"
#include "tercet/io/hub.hpp"
#include "tercet/nn/linear.hpp"
#include "tercet/ops/loss.hpp"
#include "tercet/ops/reduce.hpp"
#include "tercet/train/clip.hpp"

using namespace tercet;
using namespace training;

namespace {

using Options = std::map<std::string, double>;

// What PyTorch calls a rule and its options, in our words.
const std::map<std::string, std::string> rule_of_class{{"SGD", "sgd"},
                                                       {"RMSprop", "rmsprop"},
                                                       {"Adagrad", "adagrad"},
                                                       {"Adadelta", "adadelta"},
                                                       {"Adam", "adam"},
                                                       {"AdamW", "adamw"},
                                                       {"Adamax", "adamax"},
                                                       {"NAdam", "nadam"},
                                                       {"RAdam", "radam"},
                                                       {"Lion", "lion"},
                                                       {"Adafactor", "adafactor"},
                                                       {"Muon", "muon"},
                                                       {"Muon (own lines)", "muon"}};
const std::map<std::string, std::vector<std::string>> option_of_argument{{"lr", {"rate"}},
                                                                         {"betas", {"beta1", "beta2"}},
                                                                         {"lr_decay", {"rate_decay"}},
                                                                         {"initial_accumulator_value", {"initial_sum"}},
                                                                         {"d", {"clip"}},
                                                                         {"ns_steps", {"iterations"}},
                                                                         {"ns_coefficients", {"c1", "c2", "c3"}},
                                                                         {"adjust_lr_fn", {"match_adamw"}},
                                                                         {"decoupled_weight_decay", {"decoupled"}}};

double number_of(const Json& value) {
    if (value.is_null()) return 0;
    if (value.is_bool()) return value.as_bool();
    if (!value.is_string()) return value.as_number();
    const std::string text = value.as_string();
    INFO("'" << text << "' is known");
    REQUIRE((text == "original" || text == "match_rms_adamw"));
    return text == "match_rms_adamw";
}

Options options_of(const Json& arguments) {
    Options options;
    for (const auto& [name, value] : arguments.items()) {
        if (name == "lr_scale") {
            REQUIRE(value.as_string() == "sqrt(max(1, rows/cols))");
            continue;
        }
        const auto known = option_of_argument.find(name);
        std::vector<std::string> names = known == option_of_argument.end() ? std::vector{std::string(name)} : known->second;
        if (name == "eps" && value.is_array()) names = {"eps1", "eps2"};
        INFO(name);
        if (value.is_array()) REQUIRE(value.size() == names.size());
        for (std::size_t i = 0; i < names.size(); ++i) options[names[i]] = number_of(value.is_array() ? value.at(i) : value);
    }
    return options;
}

// The largest deviation of a rule's trajectory from PyTorch's in a golden run, in T.
template <class T>
double replay(const std::string& run, const AnyRule& rule) {
    const auto file = Safetensors::open(folder + run + ".safetensors");
    std::vector<NamedTensor<T>> parameters;
    for (const auto& stored : file.tensors())
        if (stored.name.starts_with("p0."))
            parameters.push_back({stored.name.substr(3), read<float>(file, stored.name).template to<T>().requires_grad()});
    REQUIRE(!parameters.empty());
    Optimizer optimizer(parameters, rule);
    double worst = 0;
    const index_t steps = read<float>(file, "grad." + parameters[0].name).size(0);
    for (index_t i = 0; i < steps; ++i) {
        for (const auto& [name, tensor] : parameters) give_gradient(tensor, read<float>(file, "grad." + name)[i].template to<T>());
        optimizer.step();
        optimizer.zero_grad();
        for (const auto& [name, tensor] : parameters)
            worst = std::max(worst, largest_difference(tensor.detach(), read<T>(file, "param." + name + (sizeof(T) == 4 ? ".f32" : ".f64"))[i]));
    }
    CHECK(optimizer.steps() == std::vector<std::int64_t>(parameters.size(), steps));
    return worst;
}

// Every rule with its defaults, and with each of its switches.
std::vector<AnyRule> all_rules() {
    std::vector<AnyRule> rules;
    for (const auto name : rule_names()) rules.push_back(make_rule(name, {{"weight_decay", 0.1}}));
    rules.push_back(Sgd{.momentum = 0.9, .dampening = 0.1});
    rules.push_back(Sgd{.momentum = 0.9, .weight_decay = 0.1, .nesterov = true});
    rules.push_back(RmsProp{.momentum = 0.9, .centered = true});
    rules.push_back(RmsProp{.momentum = 0.9});
    rules.push_back(Adagrad{.rate_decay = 0.1, .initial_sum = 0.1});
    rules.push_back(Adam{.amsgrad = true});
    rules.push_back(AdamW{.amsgrad = true});
    rules.push_back(NAdam{.weight_decay = 0.1, .decoupled = true});
    rules.push_back(RAdam{.weight_decay = 0.1, .decoupled = true});
    rules.push_back(Muon{.nesterov = false, .match_adamw = true});
    return rules;
}

// Parameters of odd sizes, in more than one piece, and an empty one.
template <class T>
std::vector<NamedTensor<T>> odd_parameters() {
    Generator generator(11);
    std::vector<NamedTensor<T>> parameters;
    for (const Shape& shape : {Shape{259, 131}, Shape{37, 61}, Shape{70001}, Shape{3, 5, 7}, Shape{1}, Shape{}, Shape{0, 3}, Shape{1, 9}})
        parameters.push_back({"p" + std::to_string(parameters.size()), Tensor<T>::randn(shape, generator).requires_grad()});
    return parameters;
}

}  // namespace

TEST_CASE("optimizer: every rule follows PyTorch's, with PyTorch's defaults") {
    const Json runs = read_json_file(folder + "runs.json");
    for (const auto& [name, run] : runs.at("runs").items()) {
        const std::string of_class = run.at("class").as_string();
        INFO(name << ", class " << of_class);
        const auto known = rule_of_class.find(of_class);
        REQUIRE(known != rule_of_class.end());
        const AnyRule rule = make_rule(known->second, options_of(run.at("args")));
        if (const Json* defaults = run.find("defaults")) {
            const Options wanted = options_of(*defaults);
            std::visit(
                [&](const auto& r) {
                    r.options(r, [&](std::string_view option, const auto& value) {
                        const auto want = wanted.find(std::string(option));
                        INFO(option);
                        if (want != wanted.end()) CHECK(static_cast<double>(value) == want->second);
                    });
                },
                rule);
        }
        const bool rounded = of_class == "Muon";  // PyTorch orthogonalises in bfloat16
        const double single = replay<float>(name, rule), twice = replay<double>(name, rule);
        CHECK(single <= (rounded ? 5e-3 : 1e-5));
        CHECK(twice <= (rounded ? 5e-3 : 1e-11));
        WARN(name << ": f32 deviates by " << single << ", f64 by " << twice);
    }
}

TEMPLATE_TEST_CASE("optimizer: one to four threads give every rule the same bits", "", float, double) {
    using T = TestType;
    for (const auto& rule : all_rules()) {
        std::vector<std::vector<T>> results;
        std::string name;
        for_each_thread_count([&] {
            const auto parameters = odd_parameters<T>();
            Optimizer optimizer(parameters, rule);
            name = optimizer.rule_name();
            Generator generator(12);
            for (int i = 0; i < 3; ++i) {
                for (const auto& [n, tensor] : parameters) give_gradient(tensor, Tensor<T>::randn(tensor.shape(), generator));
                optimizer.step();
                optimizer.zero_grad();
            }
            auto all = values_of(parameters);
            for (const T x : values_of(optimizer.state())) all.push_back(x);
            results.push_back(std::move(all));
        });
        INFO(name);
        CHECK(std::all_of(results[0].begin(), results[0].end(), [](T x) { return std::isfinite(x); }));
        for (const auto& result : results) CHECK(result == results[0]);
    }
}

TEST_CASE("optimizer: a second step allocates nothing, nor do clipping and a new rate") {
    for (const int count : {1, 2}) {
        const UseThreads use(count);
        for (const auto& rule : all_rules()) {
            if (count > 1 && std::holds_alternative<Muon>(rule)) continue;  // how many blocks a product has in use at once hangs on who comes when
            const auto parameters = odd_parameters<float>();
            Generator generator(13);
            for (const auto& [name, tensor] : parameters) give_gradient(tensor, Tensor<float>::randn(tensor.shape(), generator));
            Optimizer optimizer(parameters, rule);
            INFO(optimizer.rule_name() << ", " << count << " threads");
            const auto all = [&] {
                optimizer.set_rate(1e-3);
                for (const double p : {1.0, 2.0, std::numeric_limits<double>::infinity()}) clip_gradient_norm(parameters, 0.5, p);
                clip_gradient_values(parameters, 0.1);
                optimizer.step();
            };
            all();
            const auto before = memory_stats().system_requests;
            CHECK(allocations_of(all) == 0);
            CHECK(memory_stats().system_requests == before);
            CHECK(allocations_of([] { ::operator delete(::operator new(4)); }) == (counts_allocations ? 1 : 0));
        }
    }
}

TEST_CASE("optimizer: Adafactor keeps a number for each row and column; a group may ask for all") {
    const std::vector<NamedTensor<float>> parameters{{"w", Tensor<float>::ones({4, 6}).requires_grad()},
                                                     {"stack", Tensor<float>::ones({2, 3, 5}).requires_grad()},
                                                     {"wte", Tensor<float>::ones({4, 6}).requires_grad()},
                                                     {"b", Tensor<float>::ones({4}).requires_grad()}};
    const auto state =
        Optimizer(parameters, Adafactor{}, [](std::string_view name, const Shape&) { return ParameterGroup{.matrix = name != "wte"}; }).state();
    REQUIRE(state.size() == 6);
    CHECK(state[0].name == "row_var.w");
    CHECK(state[0].tensor.shape() == Shape{4, 1});
    CHECK(state[1].name == "col_var.w");
    CHECK(state[1].tensor.shape() == Shape{1, 6});
    CHECK(state[2].tensor.shape() == Shape{2, 3, 1});
    CHECK(state[3].tensor.shape() == Shape{2, 1, 5});
    CHECK(state[4].name == "variance.wte");
    CHECK(state[4].tensor.shape() == Shape{4, 6});
    CHECK(state[5].name == "variance.b");
}

TEST_CASE("optimizer: Muon's step is orthogonal, tall or wide, and other tensors follow AdamW") {
    Generator generator(5);
    const auto g = Tensor<double>::randn({70, 45}, generator);
    const auto step_of = [](const Tensor<double>& gradient) {
        const auto parameter = with_gradient("w", gradient);
        Optimizer optimizer(std::vector{parameter}, Muon{.rate = 1, .momentum = 0, .weight_decay = 0});
        optimizer.step();
        return parameter.tensor.detach();
    };
    const auto tall = step_of(g), wide = step_of(g.transpose().contiguous());
    CHECK(largest_difference(tall, (wide * std::sqrt(70.0 / 45)).transpose().contiguous()) < 1e-12);
    // Five iterations take singular values to between 0.7 and 1.2, so the eigenvalues of O Oᵀ to between a half and one and a half.
    const auto square = matmul(wide, wide.transpose());
    for (index_t i = 0; i < 45; ++i) {
        CHECK(square(i, i) > 0.45);
        CHECK(square(i, i) < 1.5);
        for (index_t j = 0; j < i; ++j) CHECK(std::abs(square(i, j)) < 0.3);
    }
    CHECK(sum(tall * g).item() < 0);  // downhill
    CHECK(step_of(Tensor<double>::zeros({3, 4})).to_vector() == std::vector<double>(12, 0.0));

    const auto hidden = with_gradient("hidden", Tensor<float>::ones({3, 4})), wte = with_gradient("wte", Tensor<float>::ones({3, 4})),
               bias = with_gradient("bias", Tensor<float>::ones({4}));
    Optimizer mixed(std::vector{hidden, wte, bias}, Muon{.rate = 0.1},
                    [](std::string_view name, const Shape&) { return ParameterGroup{.rate = name == "hidden" ? 1 : 0.5, .matrix = name != "wte"}; });
    const auto state = mixed.state();
    REQUIRE(state.size() == 5);
    CHECK(state[0].name == "momentum.hidden");
    CHECK(state[1].name == "exp_avg.wte");
    CHECK(state[4].name == "exp_avg_sq.bias");
    mixed.step();
    CHECK(wte.tensor(0, 0) == Approx(-0.05));  // Adam's first step is the rate
    CHECK(bias.tensor(3) == Approx(-0.05));
    CHECK(hidden.tensor(0, 0) == Approx(hidden.tensor(2, 3)));
}

TEST_CASE("optimizer: parts of a batch add up to the gradients of the whole") {
    Generator generator(3);
    const auto x = Tensor<float>::randn({12, 7}, generator);
    const auto labels = Tensor<std::int32_t>::randint(0, 5, {12}, generator);
    auto w = Tensor<float>::randn({7, 5}, generator).requires_grad();
    const std::vector<NamedTensor<float>> parameters{{"w", w}};
    cross_entropy(matmul(x, w), labels).backward();
    const auto whole = w.grad().clone();
    w.zero_grad();
    const auto part = [&](index_t i) { return cross_entropy(matmul(x.slice(0, 3 * i, 3 * i + 3), w), labels.slice(0, 3 * i, 3 * i + 3)); };
    for (index_t i = 0; i < 4; ++i) (part(i) * 0.25f).backward();
    CHECK(largest_difference(w.grad(), whole) < 1e-7);
    w.zero_grad();
    for (index_t i = 0; i < 4; ++i) part(i).backward();
    scale_gradients(parameters, 0.25);
    CHECK(largest_difference(w.grad(), whole) < 1e-7);
}

TEST_CASE("optimizer: a rule chosen by name is the rule itself") {
    const auto train = [](const auto& rule) {
        const auto x = leaf({1, -2, 3}, {3});
        Optimizer optimizer(std::vector<NamedTensor<float>>{{"x", x}}, rule);
        CHECK(optimizer.rule_name() == "lion");
        for (int i = 0; i < 3; ++i) {
            optimizer.set_rate(0.1 * (i + 1));
            CHECK(optimizer.rate() == 0.1 * (i + 1));
            give_gradient(x, x.detach());
            optimizer.step();
        }
        return x.to_vector();
    };
    CHECK(train(make_rule("lion", {{"beta2", 0.98}, {"weight_decay", 0.5}})) == train(Lion{.beta2 = 0.98, .weight_decay = 0.5}));
    CHECK(rule_names().size() == std::variant_size_v<AnyRule>);
    CHECK(std::get<Sgd>(make_rule("sgd", {{"momentum", 0.9}, {"nesterov", 1}})).nesterov);
    CHECK(std::get<Muon>(make_rule("muon", {{"iterations", 7}})).iterations == 7);
    const auto message_of = [](const auto& f) {
        try {
            f();
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::invalid_argument);
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(message_of([] { make_rule("adamax2"); }).find("'adamax2' is none of sgd, ") != std::string::npos);
    CHECK(message_of([] { make_rule("adam", {{"beta3", 0.5}}); }).find("adam has no option 'beta3', only rate, beta1") != std::string::npos);
    CHECK(message_of([] { make_rule("sgd", {{"nesterov", 0.5}}); }).find("nesterov cannot be 0.5") != std::string::npos);
    CHECK(message_of([] { make_rule("muon", {{"iterations", 2.5}}); }).find("iterations cannot be 2.5") != std::string::npos);
    CHECK(message_of([] { make_rule("lion", {{"rate", std::nan("")}}); }).find("rate") != std::string::npos);
}

TEST_CASE("optimizer: every rule refuses what its options cannot be, by name") {
    const auto refused = [](std::string_view name, const std::string& option, double value) {
        INFO(name << ": " << option << " = " << value);
        try {
            make_rule(name, {{option, value}});
            FAIL("was taken");
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::invalid_argument);
            CHECK(std::string(error.what()).find(std::string(name)) != std::string::npos);
            CHECK(std::string(error.what()).find(option) != std::string::npos);
        }
    };
    for (const auto name : rule_names()) {
        refused(name, "rate", -1);
        refused(name, "weight_decay", -0.1);
        refused(name, "rate", HUGE_VAL);
        refused(name, "no_such_option", 1);
    }
    for (const auto name : {"adam", "adamw", "adamax", "nadam", "radam", "lion", "muon"}) {
        refused(name, "beta1", 1);
        refused(name, "beta2", -0.1);
    }
    for (const auto name : {"adam", "adamw", "adamax", "nadam", "radam", "rmsprop", "adagrad", "adadelta", "muon"}) refused(name, "eps", -1);
    refused("sgd", "momentum", -1);
    refused("sgd", "nesterov", 1);
    refused("rmsprop", "alpha", 1);
    refused("rmsprop", "momentum", -1);
    refused("adagrad", "rate_decay", -1);
    refused("adagrad", "initial_sum", -1);
    refused("adadelta", "rho", 1.5);
    refused("nadam", "momentum_decay", -1);
    refused("adafactor", "beta2_decay", 0.5);
    refused("adafactor", "eps1", -1);
    refused("adafactor", "eps2", -1);
    refused("adafactor", "clip", 0.5);
    refused("muon", "momentum", 1);
    refused("muon", "iterations", 0);
    refused("muon", "adam_eps", -1);
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
