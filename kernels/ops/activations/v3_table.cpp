// Both gelus as max(x, 0) less a bump of |x|, which is looked up: five coefficients and four multiply-adds.
// Learned: two registers hold a power's coefficients at 32 points, so that degree 4 is enough around each of them; a
// quarter between the points lets one instruction (vreduce) give the distance from the nearest; and one (vfixupimm)
// gives max(x, 0), with the NaN that the formula has at -infinity. Sixteen elements take 15 arithmetic instructions
// instead of 20 (gelu_tanh: 17 and a division). In the nearest caches that is 1.3 and 1.7 times as quick; a large array
// waits for memory all the same, and there it helps to write past the caches: lines need not be read before (4M, the
// last cache shared with others: 2.2 to 1.7 ms; alone in it: no difference).
#include "functions.h"
#include "parallel.h"
#include "sweep.h"

// t(x) = x (1 - P(x)) for x >= 0, where gelu is x P(x), as polynomials of u = 4/3 x in the distance from multiples of a
// quarter, by powers; fitted at Chebyshev's points. From x = 5.72 on it is 0 (it is less than 3.1e-8, and x P(x) rounds
// to x).
alignas(64) static const float NORMAL_BUMP[5][32] = {
    {0.0f, 0.0798064321f, 0.132686332f, 0.161374331f, 0.169970512f, 0.163360044f, 0.146581337f, 0.124261916f,
     0.100210801f, 0.0772092417f, 0.056993179f, 0.0403839126f, 0.0275050644f, 0.0180243552f, 0.0113726771f,
     0.00691284705f, 0.00404969417f, 0.00228716596f, 0.00124563975f, 0.000654324191f, 0.000331564806f,
     0.000162096898f, 7.64640426e-05f, 3.48059475e-05f, 1.52895282e-05f, 6.48193827e-06f, 2.65220615e-06f,
     1.04741628e-06f, 3.99260415e-07f, 1.46903176e-07f, 5.21741192e-08f, 0.0f},
    {0.375f, 0.264102221f, 0.160788774f, 0.0714892447f, 0.000581121421f, -0.0500667281f, -0.0810498297f,
     -0.0949520394f, -0.0956019461f, -0.0872627422f, -0.0739335939f, -0.0588750243f, -0.0443924367f, -0.0318441801f,
     -0.0218014475f, -0.0142777171f, -0.00895923562f, -0.00539342873f, -0.00311788311f, -0.00173214974f,
     -0.000925350236f, -0.000475594425f, -0.000235263418f, -0.000112048656f, -5.13946397e-05f, -2.27087676e-05f,
     -9.66773041e-06f, -3.9663305e-06f, -1.56839246e-06f, -5.97835424e-07f, -2.19695949e-07f, 0.0f},
    {-0.22440505f, -0.216618881f, -0.194461256f, -0.161262393f, -0.121748954f, -0.0810574368f, -0.0437617227f,
     -0.0131508494f, 0.00910663977f, 0.0229013432f, 0.0293214843f, 0.0301449541f, 0.0273382794f, 0.022672236f,
     0.0175019857f, 0.0127037968f, 0.00872521196f, 0.00569444662f, 0.00354204769f, 0.00210442441f, 0.00119620631f,
     0.000651373586f, 0.000340132217f, 0.000170457613f, 8.20407149e-05f, 3.79429366e-05f, 1.68704373e-05f,
     7.2142393e-06f, 2.96806547e-06f, 1.17518186e-06f, 4.47918012e-07f, 0.0f},
    {2.81358439e-06f, 0.0204397775f, 0.0377516896f, 0.0495089144f, 0.0544828214f, 0.0528047159f, 0.045775231f,
     0.0354151092f, 0.0239177048f, 0.0131669082f, 0.00443390524f, -0.00171051372f, -0.00530189928f, -0.00678202976f,
     -0.00677532982f, -0.00590427127f, -0.00467420043f, -0.00342846476f, -0.00235601235f, -0.0015274419f,
     -0.000938624085f, -0.000548524491f, -0.000305588881f, -0.000162601136f, -8.27532713e-05f, -4.03298618e-05f,
     -1.88390368e-05f, -8.44151236e-06f, -3.63074355e-06f, -1.49977257e-06f, -5.95272581e-07f, 0.0f},
    {0.0209912173f, 0.019375328f, 0.0148607194f, 0.00845903251f, 0.00151270535f, -0.00465781987f, -0.00907590613f,
     -0.0112933386f, -0.0114019932f, -0.00989961624f, -0.00747896265f, -0.00481896289f, -0.00243670261f,
     -0.000624260632f, 0.000538490363f, 0.00112397026f, 0.00128271175f, 0.00117988675f, 0.000954743417f,
     0.000703683007f, 0.000480801129f, 0.000307692477f, 0.00018564827f, 0.000106082858f, 5.75954691e-05f,
     2.97833576e-05f, 1.46964885e-05f, 6.93027459e-06f, 3.12681846e-06f, 1.3511268e-06f, 5.59610328e-07f, 0.0f},
};
alignas(64) static const float TANH_BUMP[5][32] = {
    {0.0f, 0.079806827f, 0.132692233f, 0.161400601f, 0.170039445f, 0.163490653f, 0.146775216f, 0.124493413f,
     0.100428425f, 0.0773493946f, 0.0570009649f, 0.0402317643f, 0.0272013303f, 0.0176091269f, 0.0109039117f,
     0.00644935155f, 0.00363739207f, 0.00195229216f, 0.000995028531f, 0.000480456074f, 0.000219252077f,
     9.4322575e-05f, 3.81552818e-05f, 1.44752985e-05f, 5.1367374e-06f, 1.70049987e-06f, 5.23756228e-07f,
     1.4968289e-07f, 3.95846378e-08f, 9.66070957e-09f, 2.16985674e-09f, 0.0f},
    {0.375f, 0.264108479f, 0.160833582f, 0.0716130063f, 0.000796720677f, -0.049800802f, -0.0808285996f,
     -0.0948904455f, -0.0957831442f, -0.0876953378f, -0.0745409727f, -0.0595222525f, -0.0449360274f, -0.0321804211f,
     -0.0218931939f, -0.0141529096f, -0.00868812948f, -0.00505837379f, -0.00278851087f, -0.00145261816f,
     -0.000713506131f, -0.000329683855f, -0.000142953519f, -5.80233936e-05f, -2.19894937e-05f, -7.76083471e-06f,
     -2.5441816e-06f, -7.72662759e-07f, -2.16811216e-07f, -5.60614346e-08f, -1.3322083e-08f, 0.0f},
    {-0.22440505f, -0.216582164f, -0.194340691f, -0.161076605f, -0.121586516f, -0.0810375884f, -0.0439676456f,
     -0.0135725653f, 0.00858318154f, 0.0224489793f, 0.0290949456f, 0.0302148759f, 0.0276688766f, 0.0231478401f,
     0.0179819353f, 0.0130757177f, 0.00893466547f, 0.00574545981f, 0.00347720715f, 0.00197892427f, 0.00105755718f,
     0.000529756537f, 0.000248235126f, 0.000108570515f, 4.42203782e-05f, 1.67325288e-05f, 5.86774513e-06f,
     1.90227865e-06f, 5.68692485e-07f, 1.56377965e-07f, 3.94504056e-08f, 0.0f},
    {2.8778245e-06f, 0.0205304381f, 0.0378664657f, 0.0495485887f, 0.0543721132f, 0.052544903f, 0.0454586744f,
     0.0351850279f, 0.0238927323f, 0.0133764129f, 0.00480336603f, -0.00131864566f, -0.00502036139f, -0.00668341527f,
     -0.00685432088f, -0.00609738845f, -0.0048984373f, -0.00361643895f, -0.00247380068f, -0.00157369138f,
     -0.000932227762f, -0.000514232263f, -0.000263917173f, -0.000125853781f, -5.56717059e-05f, -2.28011941e-05f,
     -8.62887464e-06f, -3.01088153e-06f, -9.66513539e-07f, -2.84772824e-07f, -7.683213e-08f, 0.0f},
    {0.0210942775f, 0.0194423292f, 0.0148364231f, 0.00833690539f, 0.00134670839f, -0.00477479165f, -0.00906381197f,
     -0.0111365216f, -0.0111634666f, -0.00968643557f, -0.00738255493f, -0.00486955373f, -0.00259668217f,
     -0.000817283581f, 0.000385711348f, 0.00105146598f, 0.00129021425f, 0.0012393489f, 0.00103036966f,
     0.000767945661f, 0.000520998554f, 0.000324058114f, 0.000185403944f, 9.76924275e-05f, 4.74102526e-05f,
     2.11768765e-05f, 8.69628275e-06f, 3.27831231e-06f, 1.13259125e-06f, 3.57921465e-07f, 1.03257335e-07f, 0.0f},
};

static inline vf less_bump(vf x, const float (&bump)[5][32]) {
    const __m512 v = (__m512)x;
    const __m512 wide = _mm512_mul_ps(v, _mm512_set1_ps(4.0f / 3));
    const __m512 u = _mm512_range_ps(wide, _mm512_set1_ps(7.75f), 0b1010);  // the lesser in size, without its sign
    const __m512i point = (__m512i)_mm512_add_ps(u, _mm512_set1_ps(3145728.0f));  // 1.5 * 2^21: 4 u, rounded
    const __m512 d = _mm512_reduce_ps(u, 0x20);  // less the nearest multiple of 2^-2
    const auto row = [&](int i) {
        return _mm512_permutex2var_ps(_mm512_load_ps(bump[i]), point, _mm512_load_ps(bump[i] + 16));
    };
    __m512 t = _mm512_fmadd_ps(row(4), d, row(3));
    t = _mm512_fmadd_ps(t, d, row(2));
    t = _mm512_fmadd_ps(t, d, row(1));
    t = _mm512_fmadd_ps(t, d, row(0));
    // What becomes of x, four bits a class: itself if positive, +inf or 0; NaN if NaN or -inf; -0 if negative.
    const __m512 positive = _mm512_fixupimm_ps(v, v, _mm512_set1_epi32(0x17131122), 0);
    return (vf)_mm512_sub_ps(positive, t);
}

struct GeluByTable {
    vf operator()(vf x) const { return less_bump(x, NORMAL_BUMP); }
};
struct GeluTanhByTable {
    vf operator()(vf x) const { return less_bump(x, TANH_BUMP); }
};

constexpr int64_t GRAIN = 32768;      // elements that are worth a thread
constexpr int64_t PAST = 16 << 20;    // bytes: more than the caches of one core keep till it is read

static inline void store_past(float *p, vf x) { _mm512_stream_ps(p, (__m512)x); }
template <class T>
static inline void store_past(T *p, vf x) {  // half a line; the processor puts halves together
    __m256i half;
    store((T *)&half, x);
    _mm256_stream_si256((__m256i *)p, half);
}

template <bool FAR, class T, class F>
static void part(const T *x, T *y, int64_t from, int64_t to, F f) {
    sweep<FAR>(
        y, from, to,
        [=](int64_t i) {
            fetch_ahead(x + i);
            const vf value = f(load(x + i));
            FAR ? store_past(y + i, value) : store(y + i, value);
        },
        [=](int64_t i, int count) { store_some(y + i, count, f(load_some(x + i, count, 0))); });
}

template <class T, class F>
static int map(const T *x, T *y, int64_t n, int threads, F f) {
    const bool far = n * int64_t(sizeof(T)) >= PAST && x != y;
    parallel_for(n, GRAIN, threads, [=](int64_t from, int64_t to) {
        if (far) {
            part<true>(x, y, from, to, f);
            _mm_sfence();
        } else
            part<false>(x, y, from, to, f);
    });
    return OK;
}

#define DEFINE(NAME, F, T, DTYPE)                                                               \
    KERNEL NAME##_v3_table_##DTYPE(const T *x, T *y, int64_t n, int threads) {                  \
        return map(x, y, n, threads, F{});                                                      \
    }
#define DEFINE_ALL(NAME, F) DEFINE(NAME, F, float, f32) DEFINE(NAME, F, bf16, bf16) DEFINE(NAME, F, f16, f16)
DEFINE_ALL(gelu, GeluByTable)
DEFINE_ALL(gelu_tanh, GeluTanhByTable)
