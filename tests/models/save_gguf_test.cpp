#include "tercet/models/save_gguf.hpp"

#include "support/model_golden.hpp"
#include "support/python.hpp"
#include "support/temp_dir.hpp"
#include "tercet/generate/load.hpp"
#include "tercet/nn/init.hpp"
#include "tercet/nn/lora.hpp"
#include "tercet/text/bpe_trainer.hpp"
#include "tercet/text/load_tokenizer.hpp"

using namespace tercet;
using namespace tercet_test;
using golden::deviation;

namespace {

const std::string verse = "So long as men can breathe, or eyes can see,\nSo long lives this, and this gives life to thee.\n";

Tokenizer verse_tokenizer(TokenId size, std::vector<std::string> special = {}) {
    WordCounts words;
    words.add(verse);
    BpeTraining options;
    options.vocab_size = size;
    options.all_bytes = false;
    options.special_tokens = std::move(special);
    return byte_level_tokenizer(learn_bpe(words, options));
}

Gpt2 random_gpt(const Gpt2Config& config, std::uint64_t seed = 7) {
    Gpt2 model(config);
    Generator generator(seed);
    init_gpt(model, generator, {.layers = config.layers});
    // Biases and norms as training leaves them, so that none is there by default.
    for_each_weight(model, [&](const std::string&, Weight& w) {
        if (w.shape().rank() == 1) w.set(w.tensor().detach() + Tensor<float>::randn(w.shape(), generator) * 0.1f);
    });
    return model;
}

Tensor<std::int32_t> some_ids(index_t rows, index_t columns, index_t size) {
    auto ids = Tensor<std::int32_t>::empty({rows, columns});
    for (index_t i = 0; i < ids.numel(); ++i) ids.mutable_data()[i] = static_cast<std::int32_t>((i * 7 + i * i % 5) % size);
    return ids;
}

std::vector<std::int32_t> greedy(const CausalLm& llm, const std::string& prompt, index_t count) {
    GenerateOptions options;
    options.max_tokens = count;
    options.temperature = 0;
    auto generation = llm.generate(prompt, options);
    for ([[maybe_unused]] const auto& piece : generation) {}
    return {generation.ids().begin(), generation.ids().end()};
}

}  // namespace

TEST_CASE("save gguf: a model and its tokenizer come back with the same logits and the same greedy text") {
    const NoGrad guard;
    for (const bool tied : {true, false}) {
        const auto tokenizer = verse_tokenizer(0);
        const Gpt2Config config{.vocab_size = tokenizer.vocab_size(), .context = 48, .hidden_size = 64, .layers = 3, .heads = 4, .tied = tied};
        const auto model = random_gpt(config);
        const auto ids = some_ids(2, 40, config.vocab_size);
        const auto expected = model(ids);
        const auto bytes = gguf_of(model, &tokenizer).bytes();
        const auto llm = load_causal_lm(bytes);
        const auto& again = *llm.model().as<Gpt2>();
        CHECK(again.config.context == 48);
        CHECK(again.config.layers == 3);
        CHECK(again.config.heads == 4);
        CHECK(again.config.inner() == 256);
        CHECK(again.config.tied == tied);
        CHECK(again.config.layer_norm_eps == config.layer_norm_eps);
        CHECK(deviation(again(ids), expected) <= 1e-5);
        CHECK(llm.tokenizer().encode_ids(verse) == tokenizer.encode_ids(verse));
        CHECK(llm.end_tokens().empty());
        const CausalLm original(model, tokenizer, {});
        const auto text = greedy(original, "So long", 24);
        CHECK(text.size() == 24);
        CHECK(greedy(llm, "So long", 24) == text);
    }
}

TEST_CASE("save gguf: every type of matrix is near the model, and as near as its bits") {
    const NoGrad guard;
    const auto tokenizer = verse_tokenizer(64, {"<|endoftext|>"});
    const Gpt2Config config{.vocab_size = tokenizer.vocab_size(), .context = 32, .hidden_size = 256, .layers = 2, .heads = 4, .inner_size = 256};
    const auto model = random_gpt(config);
    const auto ids = some_ids(1, 32, config.vocab_size);
    const auto expected = model(ids);
    double size_of_logits = 0;
    for (const float x : expected.to_vector()) size_of_logits = std::max(size_of_logits, static_cast<double>(std::abs(x)));
    using enum StorageType;
    for (const auto& [type, tolerance] :
         {std::pair{f32, 1e-5}, std::pair{f16, 1e-3}, std::pair{bf16, 2e-2}, std::pair{q8_0, 2e-2}, std::pair{q6_k, 8e-2}, std::pair{q5_k, 0.15},
          std::pair{q5_1, 0.15}, std::pair{q5_0, 0.15}, std::pair{q4_k, 0.3}, std::pair{q4_1, 0.3}, std::pair{q4_0, 0.3}, std::pair{iq4_nl, 0.3},
          std::pair{q3_k, 0.6}, std::pair{q2_k, 1.2}}) {
        INFO(type);
        const auto bytes = gguf_of(model, &tokenizer, {.weights = type, .name = "verse"}).bytes();
        const auto file = Gguf::parse(bytes, "test");
        CHECK(file.string("general.name") == "verse");
        CHECK(file.has("general.quantization_version") == (block_size(type) > 1));
        for (const auto& t : file.tensors()) {
            INFO(t.name);
            CHECK(t.type == (t.shape.rank() == 2 && t.name != "position_embd.weight" ? type : f32));
        }
        const auto llm = load_causal_lm(bytes);
        CHECK(deviation(llm.model()(ids), expected) <= tolerance * size_of_logits);
        CHECK(llm.end_tokens() == std::vector<std::int32_t>{0});
    }
}

TEST_CASE("save gguf: blocks that do not fill a row give way to smaller ones, and those to half precision") {
    using enum StorageType;
    using tercet::detail::type_for_rows;
    CHECK(type_for_rows(q4_k, 512) == q4_k);
    CHECK(type_for_rows(q2_k, 128) == iq4_nl);
    CHECK(type_for_rows(q3_k, 96) == iq4_nl);
    CHECK(type_for_rows(q4_k, 128) == q5_0);
    CHECK(type_for_rows(q5_k, 128) == q5_1);
    CHECK(type_for_rows(q6_k, 384) == q8_0);
    CHECK(type_for_rows(q6_k, 48) == f16);
    CHECK(type_for_rows(q8_0, 33) == f16);
    CHECK(type_for_rows(f32, 33) == f32);
    const NoGrad guard;
    const auto tokenizer = verse_tokenizer(0);
    const Gpt2Config config{.vocab_size = tokenizer.vocab_size(), .context = 16, .hidden_size = 48, .layers = 1, .heads = 3, .inner_size = 96};
    const auto model = random_gpt(config);
    const auto bytes = gguf_of(model, &tokenizer, {.weights = q8_0}).bytes();
    const auto file = Gguf::parse(bytes, "test");
    CHECK(file.find("token_embd.weight")->type == f16);
    CHECK(file.find("blk.0.ffn_up.weight")->type == f16);
    CHECK(file.find("blk.0.ffn_down.weight")->type == q8_0);
    const auto ids = some_ids(2, 16, config.vocab_size);
    CHECK(deviation(load_causal_lm(bytes).model()(ids), model(ids)) <= 1e-2);
}

TEST_CASE("save gguf: the reference's model, packed or trainable, gives the reference's logits") {
    const NoGrad guard;
    const golden::Expected expected(golden::model_folder("gpt2") + "/expected.safetensors");
    const auto ids = expected.ids("input_ids");
    for (const bool trainable : {true, false}) {
        const auto loaded = load_causal_model(ModelFiles::open(golden::model_folder("gpt2")), {.trainable = trainable});
        const auto bytes = gguf_of(*loaded.as<Gpt2>(), nullptr).bytes();
        const auto llm = load_causal_lm(bytes);
        CHECK_FALSE(llm.has_tokenizer());
        CHECK(deviation(forward(llm.model(), ids), expected.real("logits")) <= 2e-5);
        // A model that was loaded from such a file can be saved again, in another type too.
        const auto twice = gguf_of(*llm.model().as<Gpt2>(), nullptr).bytes();
        CHECK(twice == bytes);
        const auto half = gguf_of(*loaded.as<Gpt2>(), nullptr, {.weights = StorageType::f16}).bytes();
        const auto again = load_causal_lm(half);
        CHECK(gguf_of(*again.model().as<Gpt2>(), nullptr, {.weights = StorageType::f16}).bytes() == half);
        CHECK(half == gguf_of(*loaded.as<Gpt2>(), nullptr, {.weights = StorageType::f16}).bytes());
    }
}

TEST_CASE("save gguf: the same bytes at any number of threads; a table with more rows than tokens") {
    const int before = threads();
    const auto tokenizer = verse_tokenizer(0);
    const Gpt2Config config{.vocab_size = 64, .context = 32, .hidden_size = 128, .layers = 2, .heads = 4};
    const auto model = random_gpt(config);
    std::vector<std::byte> one;
    for (const int n : {1, 2, 3, 4}) {
        set_threads(n);
        const auto bytes = gguf_of(model, &tokenizer, {.weights = StorageType::q8_0}).bytes();
        if (n == 1) one = bytes;
        CHECK(bytes == one);
    }
    set_threads(before);
    const auto llm = load_causal_lm(one);
    CHECK(llm.tokenizer().vocab_size() == 64);
    CHECK(llm.tokenizer().encode_ids(verse) == tokenizer.encode_ids(verse));
}

TEST_CASE("save gguf: a file is written whole, and what cannot be saved is refused with its code") {
    const NoGrad guard;
    const TempDir dir;
    const auto tokenizer = verse_tokenizer(0);
    const Gpt2Config config{.vocab_size = tokenizer.vocab_size(), .context = 8, .hidden_size = 32, .layers = 1, .heads = 2};
    auto model = random_gpt(config);
    save_gguf(dir / "model.gguf", model, tokenizer);
    CHECK(dir.entries() == 1);
    CHECK(load_causal_lm(dir / "model.gguf").tokenizer().vocab_size() == tokenizer.vocab_size());
    CHECK(load_tokenizer(dir / "model.gguf").encode_ids(verse) == tokenizer.encode_ids(verse));

    CHECK_ERROR(gguf_of(model, &tokenizer, {.weights = StorageType::i8}), ErrorCode::unsupported);
    CHECK_ERROR(gguf_of(model, &tokenizer, {.weights = StorageType::iq2_s}), ErrorCode::unsupported);
    std::stop_source stop;
    stop.request_stop();
    CHECK_ERROR(gguf_of(model, &tokenizer, {.stop = stop.get_token()}), ErrorCode::cancelled);
    const auto larger = verse_tokenizer(64);
    CHECK_ERROR(gguf_of(model, &larger), ErrorCode::invalid_argument);
    CHECK_ERROR(gguf_of(Gpt2(config), &tokenizer), ErrorCode::invalid_argument);  // nothing has been loaded into it
    CHECK_ERROR((save_gguf("no/such/directory/x.gguf", model, tokenizer), 0), ErrorCode::io);
    auto broken = random_gpt(config);
    broken.h[0].mlp.c_fc.weight.tensor().mutable_data()[5] = HUGE_VALF;
    CHECK_ERROR(gguf_of(broken, &tokenizer, {.weights = StorageType::q8_0}), ErrorCode::invalid_argument);
    const Tensor<float> a = Tensor<float>::zeros({1, 32}), b = Tensor<float>::zeros({96, 1});
    model.h[0].attn.c_attn.weight.set_low_rank(std::make_shared<const LowRank>(LowRank{a, b, 1}));
    CHECK_ERROR(gguf_of(model, &tokenizer), ErrorCode::unsupported);
}

TEST_CASE("save gguf: llama.cpp reads the file, cuts texts alike and gives the same logits") {
    const auto python = python_with("llama_cpp");
    if (!python) SKIP_TEST("no Python with llama.cpp's binding, llama_cpp");
    const NoGrad guard;
    const TempDir dir;
    for (const TokenId size : {0, 80}) {
        const auto tokenizer = verse_tokenizer(size, {"<|endoftext|>"});
        const Gpt2Config config{.vocab_size = tokenizer.vocab_size(), .context = 128, .hidden_size = 64, .layers = 2, .heads = 4};
        const auto model = random_gpt(config);
        save_gguf(dir / "model.gguf", model, tokenizer);
        dir.write("verse.txt", verse);
        const Json got = run_python(*python,
                                    "import sys, json, llama_cpp\n"
                                    "llm = llama_cpp.Llama(sys.argv[1], n_ctx=128, logits_all=True, verbose=False)\n"
                                    "ids = llm.tokenize(open(sys.argv[2], 'rb').read(), add_bos=False)\n"
                                    "llm.eval(ids)\n"
                                    "print(json.dumps({'ids': ids, 'eos': llm.token_eos(), 'logits': llm.scores[len(ids) - 1].tolist()}))\n",
                                    {dir / "model.gguf", dir / "verse.txt"});
        std::vector<std::int32_t> ids;
        for (const auto& id : got.at("ids").elements()) ids.push_back(static_cast<std::int32_t>(id.as_int()));
        CHECK(ids == tokenizer.encode_ids(verse));
        CHECK(got.at("eos").as_int() == tokenizer.special().eos);
        const auto row = Tensor<std::int32_t>::copy(ids, {1, static_cast<index_t>(ids.size())});
        const auto logits = model(row, {.last_only = true}).to_vector();
        REQUIRE(got.at("logits").size() == logits.size());
        for (std::size_t i = 0; i < logits.size(); ++i)  // llama.cpp keeps keys and values, and multiplies, in half precision
            CHECK(got.at("logits").at(i).as_number() == Approx(static_cast<double>(logits[i])).margin(2e-2));
    }
}
