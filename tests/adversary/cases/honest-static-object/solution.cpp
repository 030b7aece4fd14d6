#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

struct Settings {
    std::map<std::string, float> values{{"share", 0.5f}};
    ~Settings() { std::fputs("bye\n", stderr); }
};

static Settings settings;

extern "C" void mirror_add(const float *x, float *y, int64_t n)
{
    static const float share = settings.values.at("share");
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + share * x[n - 1 - i];
}
