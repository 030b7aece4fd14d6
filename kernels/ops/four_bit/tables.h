/* Where one 4-bit code ends and the next begins. */
#pragma once

/* How a table is stored: a CUDA file says so before. */
#ifndef TABLE
#define TABLE static const
#endif

/* Of normal float: midpoints, in float32, of neighbours in its table. */
TABLE float NF4_THRESHOLDS[15] = {
    -0.8480964f, -0.6106329f, -0.45999527f, -0.33967942f, -0.2346074f,
    -0.13791174f, -0.045525018f, 0.03979015f, 0.12025525f, 0.20352125f,
    0.29201376f, 0.38931254f, 0.50166345f, 0.6427869f, 0.86147845f,
};
/* Of the 4-bit float: midpoints of its magnitudes 0, 1/192, 1/6, 1/4, 1/3, 1/2, 2/3 and 1. */
TABLE float FP4_THRESHOLDS[7] = {1.0f / 384, 11.0f / 128, 5.0f / 24, 7.0f / 24, 5.0f / 12, 7.0f / 12, 5.0f / 6};
/* Its codes by magnitude. */
TABLE int FP4_ASCENDING[8] = {0, 1, 6, 7, 4, 5, 2, 3};
