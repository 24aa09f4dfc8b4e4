// A summary made of a text's own sentences: those whose meaning is nearest to that of the whole, and that do not repeat each other (maximal marginal
// relevance, Carbonell & Goldstein 1998), in the order in which they stand.
//
//   summarise MODEL FILE [SENTENCES]        MODEL: a directory with a sentence encoder, as all-MiniLM-L6-v2
#include <tercet/data/text_file.hpp>
#include <tercet/generate/load.hpp>
#include <tercet/ops/reduce.hpp>
#include <tercet/text/clean.hpp>
#include <tercet/text/words.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>

using namespace tercet;

namespace {

// The places of the sentences that are chosen: each time the one of the largest  λ · cos(sentence, text) − (1 − λ) · its likeness to one that is
// chosen.
std::vector<index_t> choose(const Tensor<float>& embeddings, index_t count, float lambda = 0.6f) {  // embeddings (n, C), of unit length
    const auto whole = normalise_rows(mean(embeddings, {0}, true));                                 // (1, C)
    const auto relevance = matmul(embeddings, transpose(whole)).reshape({-1});
    const auto likeness = matmul(embeddings, transpose(embeddings));  // (n, n)
    std::vector<index_t> chosen;
    while (static_cast<index_t>(chosen.size()) < std::min(count, embeddings.size(0))) {
        index_t best = -1;
        float best_score = 0;
        for (index_t i = 0; i < embeddings.size(0); ++i) {
            if (std::find(chosen.begin(), chosen.end(), i) != chosen.end()) continue;
            float said = 0;
            for (const index_t j : chosen) said = std::max(said, likeness(i, j));
            const float score = lambda * relevance(i) - (1 - lambda) * said;
            if (best < 0 || score > best_score) best = i, best_score = score;
        }
        chosen.push_back(best);
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

void summarise(const std::string& model, const std::string& file, index_t count) {
    const auto encoder = load_text_encoder(model);
    const auto text = clean_text(read_utf8_file(file), {.max_newlines = 0});
    std::vector<std::string> sentences;
    for (const auto& sentence : sentences_of(text))
        if (words_of(sentence).size() >= 4) sentences.emplace_back(sentence);
    require(!sentences.empty(), ErrorCode::invalid_argument, file, ": there are no sentences");
    for (const index_t i : choose(normalise_rows(encoder.embed(sentences)), count)) std::cout << sentences[static_cast<std::size_t>(i)] << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr << "usage: summarise MODEL FILE [SENTENCES]\n";
        return 2;
    }
    try {
        summarise(argv[1], argv[2], argc > 3 ? std::max(1, std::atoi(argv[3])) : 3);
    } catch (const std::exception& error) {
        std::cerr << "summarise: " << error.what() << '\n';
        return 1;
    }
}
