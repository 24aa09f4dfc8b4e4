// A model of any family behind a handle: one type for all of them, without a template or a list of families where it is used (type erasure, as
// std::function has it).
//
// What a handle asks of every family is an interface, derived from HeldModel; Held<Interface, Model> answers with a family's own struct what is the
// same for all, and what differs is a struct derived from it.
#pragma once

#include "tercet/nn/module.hpp"

#include <concepts>
#include <functional>

namespace tercet::inline TERCET_ABI {

using WeightFunction = std::function<void(const std::string& name, Weight& weight)>;

namespace detail {

struct HeldModel {
    virtual ~HeldModel() = default;
    virtual const void* kind() const = 0;
    virtual void* address() = 0;
    virtual void each_weight(const WeightFunction& f) = 0;
};
template <class Model>
inline constexpr char kind_of = 0;  // its address tells the families apart, without RTTI

template <class Interface, class Family>
struct Held : Interface {
    Family model;

    explicit Held(Family m) : model(std::move(m)) {}
    const void* kind() const override { return &kind_of<Family>; }
    void* address() override { return &model; }
    void each_weight(const WeightFunction& f) override { for_each_weight(model, f); }
};

}  // namespace detail

/// Cheap to copy, and copies are the same model. A const one is immutable, and shared by threads.
template <class Interface>
class ModelHandle {
public:
    /// Whether there is a model.
    explicit operator bool() const { return held_ != nullptr; }

    /// The family's own struct; null when the model is of another family.
    template <class Family>
    const Family* as() const {
        return held_->kind() == &detail::kind_of<Family> ? static_cast<const Family*>(held_->address()) : nullptr;
    }
    template <class Family>
    Family* as() {
        return const_cast<Family*>(std::as_const(*this).template as<Family>());
    }

    /// Whether two handles are on one model.
    friend bool operator==(const ModelHandle& a, const ModelHandle& b) { return a.held_ == b.held_; }

    void each_weight(const WeightFunction& f) { held_->each_weight(f); }

protected:
    ModelHandle() = default;
    explicit ModelHandle(std::shared_ptr<Interface> held) : held_(std::move(held)) {}

    std::shared_ptr<Interface> held_;
};

template <class T>
concept IsHandle = requires(std::remove_const_t<T>& model, const WeightFunction& f) {
    model.each_weight(f);
};

/// As nn/module.hpp has it for modules: so a model behind a handle is trained, saved and counted as they are.
template <IsHandle Handle, class F>
void for_each_weight(Handle& model, F&& f) {
    auto same = model;  // a handle, which may be const
    if constexpr (std::is_const_v<Handle>) same.each_weight([&](const std::string& name, const Weight& w) { f(name, w); });
    else same.each_weight([&](const std::string& name, Weight& w) { f(name, w); });
}

}  // namespace tercet::inline TERCET_ABI
