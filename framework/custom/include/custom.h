/* What an operator of one's own gets besides its arrays: `extra` points to a `custom_extra`.
 *
 * int Name(int nparam, void **params, int *ndims, int64_t **shapes, const char **dtypes, void *stream, void *extra)
 *
 * `params` are the inputs and then the outputs, contiguous; `dtypes` are "float32", "int64", "bool"...
 * Return 0 if all is well; any other number becomes an error that names the operator and the number. */
#ifndef FRAMEWORK_CUSTOM_H
#define FRAMEWORK_CUSTOM_H
#include <stdint.h>
#include <string.h>

typedef struct {
    const char *name;
    int64_t integer; /* of a bool or an int, else 0 */
    double real;     /* of any number, else 0 */
    const char *text; /* of a string, else "" */
} custom_attribute;

typedef struct {
    int64_t count;
    const custom_attribute *attributes;
} custom_extra;

/* The attribute of a name; 0 where there is none. */
static inline const custom_attribute *custom_find(const void *extra, const char *name) {
    const custom_extra *given = (const custom_extra *)extra;
    for (int64_t i = 0; i < given->count; i++)
        if (strcmp(given->attributes[i].name, name) == 0) return &given->attributes[i];
    return 0;
}
#endif
