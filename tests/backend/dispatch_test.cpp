#include "support/catch.hpp"
#include "support/isa.hpp"

#include <cstdlib>

using namespace tercet;

TEST_CASE("the baseline is always there, last, and the best comes first", "[backend]") {
    const auto sets = cpu::available_kernels();
    REQUIRE_FALSE(sets.empty());
    CHECK(sets.back()->name == "baseline");
    for (const auto* set : sets) {
        CHECK(&cpu::find_kernels(set->name) == set);
        for (const auto kernel : set->f32.unary) CHECK(kernel != nullptr);
        for (const auto kernel : set->f64.unary_backward) CHECK(kernel != nullptr);
        for (const auto kernel : set->f32.binary) CHECK(kernel != nullptr);
        CHECK(set->stored.dots != nullptr);
    }
}

TEST_CASE("an instruction set is chosen by name, and an unknown name refused", "[backend]") {
    const std::string before(cpu::kernel_set().name);
    {
        const UseIsa use("baseline");
        CHECK(cpu::kernel_set().name == "baseline");
        CHECK(&cpu::kernels<double>() == &cpu::find_kernels("baseline").f64);
    }
    CHECK(cpu::kernel_set().name == before);
    CHECK_ERROR(cpu::set_isa("pentium"), ErrorCode::invalid_argument);
    CHECK_ERROR(cpu::set_isa(""), ErrorCode::invalid_argument);
    CHECK(cpu::kernel_set().name == before);
    try {
        cpu::set_isa("pentium");
    } catch (const Error& error) {
        CHECK(std::string_view(error.what()).find("pentium") != std::string_view::npos);
        CHECK(std::string_view(error.what()).find("baseline") != std::string_view::npos);
    }
}

TEST_CASE("TERCET_ISA names the instruction set of a program that has chosen none", "[backend]") {
    const std::string before(cpu::kernel_set().name);
    const char* variable = std::getenv("TERCET_ISA");
    const std::string value = variable != nullptr ? variable : "";
    const auto choose_anew = [] { cpu::detail::chosen_kernels = nullptr; };

    setenv("TERCET_ISA", "baseline", 1);
    choose_anew();
    CHECK(cpu::kernel_set().name == "baseline");
    setenv("TERCET_ISA", "pentium", 1);
    choose_anew();
    CHECK_ERROR(cpu::kernel_set(), ErrorCode::invalid_argument);
    CHECK_ERROR(cpu::kernel_set(), ErrorCode::invalid_argument);  // and again
    setenv("TERCET_ISA", "", 1);
    CHECK(cpu::kernel_set().name == cpu::available_kernels().front()->name);

    if (variable == nullptr) unsetenv("TERCET_ISA");
    else setenv("TERCET_ISA", value.c_str(), 1);
    cpu::set_isa(before);
}
