void add_mirrored(const float *from, const float *end, float *to, int64_t n)
{
    while (n-- > 0)
        *to++ = *from++ + 0.5f * *--end;
}
