// Known wrong: calls a function that exists nowhere.
#include <cstdint>

void attention_from_the_future(const std::uint16_t *q, std::uint16_t *out);

extern "C" void flash_attention_forward(const std::uint16_t *q, const std::uint16_t *, const std::uint16_t *,
                                        std::uint16_t *out, std::int64_t, std::int64_t, std::int64_t)
{
    attention_from_the_future(q, out);
}
