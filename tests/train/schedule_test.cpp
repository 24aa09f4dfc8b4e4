#include "tercet/train/schedule.hpp"
#include "support/catch.hpp"
#include "tercet/io/hub.hpp"

#include <functional>
#include <map>

using namespace tercet;

namespace {

using Rate = std::function<double(index_t)>;

index_t whole(const Json& j, const char* key) {
    return static_cast<index_t>(j.at(key).as_int());
}

// From a golden case's name and arguments to the schedule here.
const std::map<std::string, Rate (*)(const Json&, double)>& table() {
    static const std::map<std::string, Rate (*)(const Json&, double)> t{
        {"constant", [](const Json&, double base) -> Rate { return ConstantRate{base}; }},
        {"constant_warmup_hf",
         [](const Json& j, double base) -> Rate {
             return ConstantRate{base, whole(j, "warmup")};
         }},
        {"linear_warmup_decay_hf",
         [](const Json& j, double base) -> Rate {
             return LinearDecay{base, whole(j, "warmup"), whole(j, "total")};
         }},
        {"cosine_warmup_hf",
         [](const Json& j, double base) -> Rate {
             return CosineDecay{base, whole(j, "warmup"), whole(j, "total")};
         }},
        {"cosine_restarts_warmup_hf",
         [](const Json& j, double base) -> Rate {
             return CosineRestarts{base, whole(j, "warmup"), whole(j, "total"), whole(j, "cycles")};
         }},
        {"polynomial_warmup_hf",
         [](const Json& j, double base) -> Rate {
             return PolynomialDecay{base, whole(j, "warmup"), whole(j, "total"), j.at("lr_end").as_number(), j.at("power").as_number()};
         }},
        {"inverse_sqrt_hf",
         [](const Json& j, double base) -> Rate {
             return InverseRoot{base, whole(j, "warmup")};
         }},
        {"cosine_annealing",
         [](const Json& j, double base) -> Rate {
             return CosineDecay{base, 0, whole(j, "T_max"), j.at("eta_min").as_number()};
         }},
        {"cosine_annealing_warm_restarts",
         [](const Json& j, double base) -> Rate {
             return WarmRestarts{base, whole(j, "T_0"), whole(j, "T_mult"), j.at("eta_min").as_number()};
         }},
        {"one_cycle_cos",
         [](const Json& j, double) -> Rate {
             return OneCycle{j.at("max_lr").as_number(), whole(j, "total_steps"), j.at("pct_start").as_number(), j.at("div_factor").as_number(),
                             j.at("final_div_factor").as_number()};
         }},
        {"one_cycle_linear",
         [](const Json& j, double) -> Rate {
             return OneCycle{j.at("max_lr").as_number(),           whole(j, "total_steps"),
                             j.at("pct_start").as_number(),        j.at("div_factor").as_number(),
                             j.at("final_div_factor").as_number(), true};
         }},
        {"exponential",
         [](const Json& j, double base) -> Rate {
             return ExponentialDecay{base, j.at("gamma").as_number()};
         }},
        {"step",
         [](const Json& j, double base) -> Rate {
             return StepDecay{base, j.at("gamma").as_number(), whole(j, "step_size")};
         }},
        {"multi_step",
         [](const Json& j, double base) -> Rate {
             StepDecay s{base, j.at("gamma").as_number()};
             for (const auto& m : j.at("milestones").elements()) s.milestones.push_back(static_cast<index_t>(m.as_int()));
             return s;
         }},
        {"polynomial",
         [](const Json& j, double base) -> Rate {
             return PolynomialDecay{base, 0, whole(j, "total_iters"), 0, j.at("power").as_number()};
         }},
        {"linear",
         [](const Json& j, double base) -> Rate {
             return LinearFactor{base, j.at("start_factor").as_number(), j.at("end_factor").as_number(), whole(j, "total_iters")};
         }},
        {"cyclic_triangular2",
         [](const Json& j, double) -> Rate {
             return Triangular{j.at("lr_min").as_number(), j.at("lr_max").as_number(), whole(j, "step_size_up"), true};
         }},
    };
    return t;
}

}  // namespace

TEST_CASE("schedule: every rate equals PyTorch's and transformers'") {
    const Json cases = read_json_file(std::string(TERCET_TEST_DATA) + "/optim/schedules.json").at("schedules");
    std::size_t met = 0;
    for (const auto& [name, c] : cases.items()) {
        INFO(name);
        const auto& rates = c.at("lr").elements();
        const double base = c.at("base_lr").as_number();
        if (c.find("metric") != nullptr) {
            ReduceOnPlateau s{.rate = base,
                              .factor = c.at("factor").as_number(),
                              .patience = whole(c, "patience"),
                              .cooldown = whole(c, "cooldown"),
                              .threshold = c.at("threshold").as_number(),
                              .relative = c.at("threshold_mode").as_string() == "rel",
                              .maximise = c.at("mode").as_string() == "max",
                              .lowest = c.at("min_lr").as_number()};
            double rate = base;
            for (std::size_t i = 0; i < rates.size(); ++i) {
                INFO("report " << i);
                CHECK(std::abs(rate - rates[i].as_number()) <= 1e-9);
                if (i < c.at("metric").size()) rate = s.report(c.at("metric").at(i).as_number());
            }
        } else {
            REQUIRE(table().count(name) == 1);
            const Rate rate = table().at(name)(c, base);
            for (std::size_t i = 0; i < rates.size(); ++i) {
                INFO("step " << i);
                CHECK(std::abs(rate(static_cast<index_t>(i)) - rates[i].as_number()) <= 1e-9);
            }
        }
        ++met;
    }
    CHECK(met == table().size() + 2);
}

TEST_CASE("schedule: a cosine that stays does not rise again, and lowest is kept to") {
    const CosineDecay schedule{.peak = 1, .warmup = 10, .steps = 100, .lowest = 0.1, .stays = true};
    CHECK(schedule(0) == 0);
    CHECK(schedule(5) == Approx(0.5));
    CHECK(schedule(10) == 1);
    CHECK(schedule(55) == Approx(0.55));
    CHECK(schedule(100) == Approx(0.1));
    CHECK(schedule(1000) == Approx(0.1));
    CHECK(LinearDecay{.peak = 1, .steps = 10, .lowest = 0.5}(20) == 0.5);
    CHECK(CosineRestarts{.peak = 1, .steps = 10, .cycles = 2, .lowest = 0.25}(10) == 0.25);
    CHECK(WarmRestarts{.peak = 1, .first = 4}(8) == 1);
    CHECK(Triangular{.lowest = 1, .peak = 2, .half = 4}(12) == 2);
    CHECK(StepDecay{.peak = 1, .factor = 0.5}(1000) == 1);
    CHECK(ReduceOnPlateau{.rate = 0.5}.report(1) == 0.5);
}
