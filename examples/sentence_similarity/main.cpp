// Ranks sentences by how close their meaning is to a question's.
//
//   sentence_similarity MODEL_DIRECTORY [QUERY SENTENCE...]
#include <tercet/tercet.hpp>

#include <algorithm>
#include <cstdio>
#include <iostream>

int main(int argc, char** argv) {
    if (argc < 2 || argc == 3) {
        std::cerr << "usage: sentence_similarity MODEL_DIRECTORY [QUERY SENTENCE...]\n";
        return 2;
    }
    std::string query = "How do I keep my plants alive while I am on holiday?";
    std::vector<std::string> sentences = {
        "Ask a neighbour to water the flowers when you are away.", "A self-watering pot keeps the soil moist for two weeks.",
        "The plant was closed and its workers were sent home.",    "Pack light when you travel by train.",
        "Interest rates rose again in the third quarter.",
    };
    if (argc > 3) {
        query = argv[2];
        sentences.assign(argv + 3, argv + argc);
    }
    try {
        const auto encoder = tercet::load_text_encoder(argv[1]);
        const auto question = encoder.embed(query);
        const auto answers = encoder.embed(sentences);  // (sentences, width)

        std::vector<std::pair<float, std::string>> ranked;
        for (std::size_t i = 0; i < sentences.size(); ++i)
            ranked.emplace_back(cosine(question, answers[static_cast<tercet::index_t>(i)]), sentences[i]);
        std::sort(ranked.rbegin(), ranked.rend());

        std::cout << query << '\n';
        for (const auto& [similarity, sentence] : ranked) std::printf("  %5.2f  %s\n", static_cast<double>(similarity), sentence.c_str());
    } catch (const tercet::Error& error) {
        std::cerr << "sentence_similarity: " << error.what() << '\n';
        return 1;
    }
}
