// The tape: reverse-mode differentiation (Griewank & Walther 2008, chapter 3) as closures.
//
// An op computes y, then records a closure that turns dy into additions to its inputs' gradients. backward() walks the recorded nodes
// in the reverse of the order they were made in and lets go of each as soon as it is done. What a closure captures is what is saved for
// backward: captures are named one by one, wrapped in save(), which takes them off the tape and notices when they are written to later.
//
//   return record(y, [saved_x = save(x)](const Tensor<T>& dy, Gradient<T>& dx) { dx.add(…); }, x);
#pragma once

#include "tercet/tensor/tensor.hpp"

#include <utility>

namespace tercet::inline TERCET_ABI {

/// Nothing is recorded in this thread while one of these lives: inference, and writing to parameters.
class NoGrad {
public:
    NoGrad() { ++detail::no_grad_depth; }
    NoGrad(const NoGrad&) = delete;
    NoGrad& operator=(const NoGrad&) = delete;
    ~NoGrad() { --detail::no_grad_depth; }
};

inline bool grad_enabled() {
    return detail::no_grad_depth == 0;
}

struct Node;
using NodeList = detail::PoolVector<std::shared_ptr<Node>>;

/// One tensor's place on the tape: a number that grows in the order of recording, and the nodes it was made from.
struct Node {
    explicit Node(NodeList made_from) : inputs(std::move(made_from)), order(next_order()) {}
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    virtual ~Node() { release(std::move(inputs)); }

    /// Hands this node's gradient to its inputs, and forgets it. With keep, the closure stays for another backward().
    virtual void run(bool keep) = 0;

    NodeList inputs;  // null where an input takes no part
    std::uint64_t order;
    bool used = false;  // the closure has run and is gone

    /// Lets a chain of nodes go one after the other: recursion would need a stack frame for each step of a long chain.
    static void release(NodeList nodes) {
        while (!nodes.empty()) {
            const std::shared_ptr<Node> node = std::move(nodes.back());
            nodes.pop_back();
            if (node != nullptr && node.use_count() == 1) std::move(node->inputs.begin(), node->inputs.end(), std::back_inserter(nodes));
            if (node != nullptr && node.use_count() == 1) node->inputs.clear();
        }
    }

private:
    static std::uint64_t next_order() {
        static std::atomic<std::uint64_t> counter{0};
        return counter.fetch_add(1, std::memory_order_relaxed);
    }
};

/// A tensor's place on the tape with its gradient. On its own it is a leaf's, which keeps what it collects; an op's is an OpNode.
template <Real T>
struct GradientNode : Node {
    explicit GradientNode(const Shape& of, NodeList made_from = {}) : Node(std::move(made_from)), shape(of) {}

    virtual bool is_leaf() const { return true; }
    void run(bool) override {}

    Shape shape;
    Tensor<T> gradient;  // of shape (0,), without storage, until something is added
};

/// A gradient that is being collected: empty until the first contribution. Converts to false where no gradient is wanted.
///
/// Until one of them is written to, several gradients may share their elements: what a sum hands on to its terms is the same for all of them.
template <Real T>
class Gradient {
public:
    Gradient() = default;
    explicit Gradient(GradientNode<T>& of) : value_(&of.gradient), shape_(of.shape), leaf_(of.is_leaf()) {}

    explicit operator bool() const { return value_ != nullptr; }
    const Shape& shape() const { return shape_; }

    /// Whether nothing has been added yet, so that a kernel may write instead of adding.
    bool fresh() const { return value_->storage() == nullptr; }
    /// The sum so far, zeros at first, contiguous, for a kernel to add to; null where no gradient is wanted.
    T* data() { return with_zeros() ? own().mutable_data() : nullptr; }
    T* device_data() { return with_zeros() ? own().mutable_device_data() : nullptr; }
    /// The same without zeros where fresh: for a kernel that writes every element (call fresh() before).
    T* data_to_write() { return own().mutable_data(); }
    T* device_data_to_write() { return own().mutable_device_data(); }
    /// The sum so far as a tensor, zeros at first, of which a part can be written to as a view. Not where no gradient is wanted.
    Tensor<T> sums() {
        with_zeros();
        return own();
    }
    /// Adds dx, of this shape. The first one is taken over as it is; by a leaf only when nobody else holds it.
    void add(Tensor<T> dx) {
        if (value_ == nullptr) return;
        if (fresh()) {
            *value_ = dx.is_contiguous() && (!leaf_ || alone(dx)) ? std::move(dx) : dx.clone();
            return;
        }
        Tensor<T> sum = alone(*value_) ? *value_ : Tensor<T>::empty(shape_);
        Device::binary(BinaryOp::add, sum.mutable_device_data(), value_->device_data(), dx.device_data(), shape_, value_->strides(), dx.strides());
        *value_ = std::move(sum);
    }

private:
    // Whether a gradient is wanted; it is zeros where it was fresh.
    bool with_zeros() {
        if (value_ != nullptr && fresh()) *value_ = Tensor<T>::zeros(shape_);
        return value_ != nullptr;
    }
    // The gradient with elements that nobody else shares.
    Tensor<T>& own() {
        if (fresh()) *value_ = Tensor<T>::empty(shape_);
        if (!alone(*value_)) *value_ = value_->clone();
        return *value_;
    }
    static bool alone(const Tensor<T>& x) { return x.storage().use_count() == 1 && x.storage()->owned(); }

    Tensor<T>* value_ = nullptr;
    Shape shape_;
    bool leaf_ = false;
};

/// The node of an op's result: the closure that hands its gradient on, backward(dy, Gradients of the inputs).
template <Real T, class F>
struct OpNode final : GradientNode<T> {
    OpNode(const Shape& of, NodeList made_from, F closure) : GradientNode<T>(of, std::move(made_from)), backward(std::move(closure)) {}

    bool is_leaf() const override { return false; }

    void run(bool keep) override {
        if (this->gradient.storage() != nullptr) hand_on();
        if (keep) return;
        backward.reset();  // where no gradient came, too: the inputs are let go of
        this->used = true;
    }

private:
    void hand_on() {
        require(backward.has_value(), ErrorCode::autograd,
                "backward: this part of the tape was walked before and is gone; keep it with backward_keeping_tape");
        detail::PoolVector<Gradient<T>> slots;
        slots.reserve(this->inputs.size());
        for (const auto& input : this->inputs) {
            if (input == nullptr) slots.emplace_back();
            else slots.emplace_back(static_cast<GradientNode<T>&>(*input));
        }
        const Tensor<T> dy = std::exchange(this->gradient, Tensor<T>());
        (*backward)(dy, std::span(slots));
    }

    std::optional<F> backward;
};

/// A tensor kept for backward: off the tape, and remembered as it was.
template <Element T>
class Saved {
public:
    explicit Saved(const Tensor<T>& tensor) : tensor_(tensor.detach()), version_(version()) {}
    /// The tensor. Throws autograd when it was written to since it was saved.
    const Tensor<T>& operator*() const {
        require(version() == version_, ErrorCode::autograd, "backward: a tensor of shape ", tensor_.shape(),
                " that was saved for backward has been written to since");
        return tensor_;
    }
    const Tensor<T>* operator->() const { return &**this; }

private:
    std::uint64_t version() const { return tensor_.storage() == nullptr ? 0 : tensor_.storage()->version(); }
    Tensor<T> tensor_;
    std::uint64_t version_;
};

template <Element T>
Saved<T> save(const Tensor<T>& tensor) {
    return Saved<T>(tensor);
}

/// Whether an op on these inputs will be recorded.
template <class... Inputs>
bool records(const Inputs&... inputs) {
    return grad_enabled() && (inputs.needs_grad() || ...);
}

namespace detail {

template <Real T, class F>
Tensor<T> recorded(Tensor<T> y, NodeList inputs, F backward) {
    y.set_node(make_pooled<OpNode<T, F>>(y.shape(), std::move(inputs), std::move(backward)));
    return y;
}

}  // namespace detail

/// Puts y = op(inputs…) on the tape and gives it back. The closure is called with dy, of y's shape and contiguous, and one Gradient for
/// each input; it is dropped at once when no input needs gradients or NoGrad is in force.
template <Real T, class F, std::same_as<Tensor<T>>... Inputs>
Tensor<T> record(Tensor<T> y, F&& backward, const Inputs&... inputs) {
    if (!records(inputs...)) return y;
    auto closure = [f = std::forward<F>(backward)](const Tensor<T>& dy, std::span<Gradient<T>> dx) {
        [&]<std::size_t... I>(std::index_sequence<I...>) {
            f(dy, dx[I]...);
        }
        (std::make_index_sequence<sizeof...(Inputs)>());
    };
    return detail::recorded(std::move(y), NodeList{inputs.node()...}, std::move(closure));
}

/// The same for any number of inputs: the closure gets a span of Gradients.
template <Real T, class F>
Tensor<T> record(Tensor<T> y, F&& backward, std::span<const Tensor<T>> inputs) {
    NodeList nodes;
    bool any = false;
    for (const auto& x : inputs) {
        nodes.push_back(x.node());
        any = any || x.needs_grad();
    }
    if (!any || !grad_enabled()) return y;
    return detail::recorded(std::move(y), std::move(nodes), std::forward<F>(backward));
}

namespace detail {

template <Real T>
GradientNode<T>* node_of(const Tensor<T>& x) {
    return static_cast<GradientNode<T>*>(x.node().get());
}

template <Real T>
void walk_back(const Tensor<T>& y, const std::optional<Tensor<T>>& given, bool keep) {
    require(y.needs_grad(), ErrorCode::autograd, "backward: nothing that led to this tensor needs gradients");
    require(given.has_value() || y.numel() == 1, ErrorCode::autograd, "backward: a tensor of shape ", y.shape(),
            " has more than one element; give dy, of the same shape");
    if (given) require(given->shape() == y.shape(), ErrorCode::shape_mismatch, "backward: dy has shape ", given->shape(), ", the tensor ", y.shape());
    const NoGrad guard;
    auto& start = *node_of(y);
    require(!start.used, ErrorCode::autograd,
            "backward: the tape behind this tensor was walked before and is gone; keep it with backward_keeping_tape");
    Gradient<T>(start).add(given ? given->detach().clone() : Tensor<T>::ones(y.shape()));

    // A heap of the nodes that wait, the latest on top. Order numbers grow along every path, so nothing is handed to a node after its turn.
    const auto earlier = [](const auto& a, const auto& b) { return a->order < b->order; };
    NodeList waiting{y.node()};
    const auto take_latest = [&] {
        std::pop_heap(waiting.begin(), waiting.end(), earlier);
        auto node = std::move(waiting.back());
        waiting.pop_back();
        return node;
    };
    while (!waiting.empty()) {
        const auto node = take_latest();
        while (!waiting.empty() && waiting.front() == node) take_latest();  // it was put there once for each use
        for (const auto& input : node->inputs) {
            if (input == nullptr) continue;
            waiting.push_back(input);
            std::push_heap(waiting.begin(), waiting.end(), earlier);
        }
        node->run(keep);
        if (!keep) Node::release(std::exchange(node->inputs, {}));
    }
}

}  // namespace detail

/// backward() that leaves the tape in place, to be walked again.
template <Real T>
void backward_keeping_tape(const Tensor<T>& y, const std::optional<Tensor<T>>& dy = {}) {
    detail::walk_back(y, dy, true);
}

template <Element T>
    Tensor<T>& Tensor<T>::requires_grad(bool on) & requires Real<T> {
    if (!on) {
        node_ = nullptr;
    } else if (node_ == nullptr) {
        node_ = detail::make_pooled<GradientNode<T>>(shape_);
    }
    return *this;
}

template <Element T>
Tensor<T> Tensor<T>::grad() const requires Real<T> {
    return node_ == nullptr ? Tensor() : detail::node_of(*this)->gradient;
}

template <Element T>
void Tensor<T>::zero_grad() requires Real<T> {
    if (node_ != nullptr) detail::node_of(*this)->gradient = Tensor();
}

template <Element T>
void Tensor<T>::backward(const std::optional<Tensor>& dy) const requires Real<T> {
    detail::walk_back(*this, dy, false);
}

}  // namespace tercet::inline TERCET_ABI
