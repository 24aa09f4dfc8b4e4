// Watching a forward pass from outside: while an observer lives, it hears of every layer and every attention that its thread computes, and may put
// something else in the place of a layer's result.
//
//   struct Count : Observer { int layers = 0; Tensor<float> layer(…) override { ++layers; return output; } } count;   model(ids);
//
// explain/ stands on it: captured activations, attention maps, attributions. Where nobody watches, a layer reads one variable of its thread.
#pragma once

#include "tercet/tensor/tensor.hpp"

namespace tercet::inline TERCET_ABI {

struct AttentionOptions;

/// Observers of one thread live and die like the scopes they stand in: the last made hears first, and goes first.
class Observer {
public:
    Observer() : outer_(innermost()) { innermost() = this; }
    virtual ~Observer() { innermost() = outer_; }
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;

    /// A layer with this weight has made `output` of `input`; what is returned goes on in its place. A table that was looked into has no input. What
    /// a fully connected layer does with its result at once (an activation, a residual that is added) is done already.
    virtual Tensor<float> layer(const void* /*weight*/, const Tensor<float>& /*input*/, const Tensor<float>& output) { return output; }
    /// An attention of query (B, H, Tq, D) to key (B, Hkv, Tk, D) is to be computed.
    virtual void attention(const Tensor<float>& /*query*/, const Tensor<float>& /*key*/, const AttentionOptions&, const Tensor<float>& /*bias*/) {}

    /// f(observer) of each that watches this thread.
    template <class F>
    static void each(const F& f) {
        for (Observer* one = innermost(); one != nullptr; one = one->outer_) f(*one);
    }

private:
    static Observer*& innermost() {
        static thread_local Observer* observer = nullptr;
        return observer;
    }

    Observer* outer_;
};

namespace detail {

// y, or what the observers want in its place.
inline Tensor<float> observed_layer(const void* weight, const Tensor<float>& x, Tensor<float> y) {
    Observer::each([&](Observer& one) { y = one.layer(weight, x, y); });
    return y;
}

}  // namespace detail

}  // namespace tercet::inline TERCET_ABI
